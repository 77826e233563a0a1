//! Slices of whole steps: what a slice leaves behind is a checkpoint, and a step that was only begun is not in it.
use std::time::Duration;

use expert::error::Error;
use expert::model::{Model, Report, Slice};
use expert::watch::Watch;

/// Windows of one step (mixture.md 1).
const BATCH: u64 = 32;

/// Trains a slice of `model`, whose text has `text` bytes and whose windows have at most `context`. The step that the
/// budget ends in is finished, so that a slice of at least one step makes progress however short its budget is.
///
/// # Errors
/// Those of the trainer.
pub fn whole_steps(
    model: &Model,
    slice: &Slice,
    (text, context): (usize, usize),
    watch: &dyn Watch,
) -> Result<Report, Error> {
    let step_bytes = BATCH * text.min(context).max(1) as u64;
    let mut report = model.train(slice, watch)?;
    let mut nats = report.loss * report.bytes as f64;
    while report.bytes % step_bytes != 0 {
        let rest = model.train(&Slice { steps: 1, budget: Duration::ZERO, total_steps: slice.total_steps }, watch)?;
        nats += rest.loss * rest.bytes as f64;
        report.steps += rest.steps;
        report.bytes += rest.bytes;
        report.seconds += rest.seconds;
    }
    if report.bytes > 0 {
        report.loss = nats / report.bytes as f64;
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use expert::model::{Mode, Spec, TransformerShape};
    use expert::watch::Unwatched;

    use super::*;

    #[test]
    fn a_slice_without_time_is_one_whole_step_with_the_bits_of_that_step() {
        let shape = TransformerShape { width: 16, layers: 1, heads: 2, context: 64, mode: Mode::Fast };
        let text = b"what is begun is finished ".repeat(40);
        let [short, long] = [Duration::ZERO, Duration::from_hours(1)].map(|budget| {
            let model = Model::new(Spec::Transformer(shape), 5).unwrap();
            model.set_text(&text).unwrap();
            let slice = Slice { steps: 1, budget, total_steps: 9 };
            let report = whole_steps(&model, &slice, (text.len(), 64), &Unwatched).unwrap();
            assert_eq!((report.steps, report.bytes), (1, 32 * 64));
            (model.save(false).unwrap(), report.loss)
        });
        assert_eq!(short.0, long.0);
        assert!((short.1 - long.1).abs() < 1e-9, "{} and {}", short.1, long.1);
    }
}
