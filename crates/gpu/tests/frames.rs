//! The program over its standard input and output, with the fake device.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may fail by panic
use std::io::Write;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use expert::model::{Mode, Model, Slice, Spec, TransformerShape};
use expert::watch::Unwatched;
use gpu::frame;
use serde_json::{Value, json};

const INNER: &str = "0303030303030303030303030303030303030303030303030303030303030303";

struct Program {
    child: Child,
    input: Option<ChildStdin>,
    output: ChildStdout,
}

impl Program {
    fn start(script: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_taumesh-gpu"))
            .env("TAUMESH_GPU_FAKE", script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take(), child.stdout.take().unwrap());
        Self { child, input, output }
    }

    fn ask(&mut self, header: &Value, payload: &[u8]) {
        frame::write(self.input.as_mut().unwrap(), header.to_string().as_bytes(), payload).unwrap();
    }

    /// The next frame, whatever it is.
    fn frame(&mut self) -> (Value, Vec<u8>) {
        let head = frame::read_head(&mut self.output).unwrap().expect("an answer");
        let payload = frame::read_payload(&mut self.output, head.payload).unwrap();
        (serde_json::from_slice(&head.header).unwrap(), payload)
    }

    /// The next frame that is no progress.
    fn answer(&mut self) -> (Value, Vec<u8>) {
        loop {
            let (header, payload) = self.frame();
            if header.get("progress").is_none() {
                return (header, payload);
            }
        }
    }

    /// Ends the input and waits for the end of the program.
    fn end(mut self) -> Option<i32> {
        drop(self.input.take());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn search(id: u32, difficulty: &str, count: &str) -> Value {
    json!({ "id": id, "op": "seal.search", "device": "fake:0", "inner": INNER, "difficulty": difficulty, "start": "0", "count": count })
}

#[test]
fn hello_tells_the_version_and_the_end_of_the_input_ends_the_program() {
    let mut program = Program::start("{}");
    program.ask(&json!({ "id": 1, "op": "hello" }), &[]);
    let (hello, _) = program.answer();
    assert_eq!(hello, json!({ "id": 1, "ok": { "version": 1, "pid": program.child.id() } }));
    assert_eq!(program.end(), Some(0));
}

#[test]
fn the_fake_device_is_listed_and_computes_what_the_definition_says() {
    let mut program = Program::start("{}");
    program.ask(&json!({ "id": 1, "op": "devices" }), &[]);
    let (listed, _) = program.answer();
    assert_eq!(listed["ok"]["devices"][0]["id"], "fake:0");
    assert_eq!(listed["ok"]["devices"][0]["usable"], true);

    program.ask(&search(2, "1000", "100000"), &[]);
    let (found, _) = program.answer();
    let nonce: u64 = found["ok"]["nonce"].as_str().unwrap().parse().unwrap();
    assert!(pow::meets(&pow::seal(&[3; 32], nonce), 1000));
    assert_eq!(found["ok"]["hashes"], (nonce + 1).to_string());

    program.ask(&search(3, "18446744073709551615", "10"), &[]);
    assert_eq!(program.answer().0, json!({ "id": 3, "ok": { "nonce": null, "hashes": "10" } }));

    let heads = json!({ "id": 4, "op": "seal.heads", "device": "fake:0", "inner": INNER, "start": "18446744073709551615", "count": 2 });
    program.ask(&heads, &[]);
    let (_, payload) = program.answer();
    let expected = [u64::MAX, 0].map(|nonce| u64::from_be_bytes(pow::seal(&[3; 32], nonce)[..8].try_into().unwrap()));
    assert_eq!(payload, expected.map(u64::to_le_bytes).concat());

    // A as [k, m] = [[1, 2], [3, 4], [5, 6]], so A = [[1, 3, 5], [2, 4, 6]]; B = [[1], [-1], [2]].
    let product = json!({ "id": 5, "op": "matmul", "device": "fake:0", "dtype": "int8", "m": 2, "k": 3, "n": 1, "transposeA": true });
    program.ask(&product, &[1, 2, 3, 4, 5, 6, 1, 255, 2]);
    assert_eq!(program.answer().1, [8_i32, 10].map(i32::to_le_bytes).concat());
}

#[test]
fn a_device_without_free_memory_is_listed_with_the_reason_and_refuses_work_with_it() {
    let mut program = Program::start(r#"{"freeBytes":1048576}"#);
    program.ask(&json!({ "id": 1, "op": "devices" }), &[]);
    let (listed, _) = program.answer();
    let reason = "out of memory: 1 of 1024 MiB are free, 512 are needed";
    assert_eq!(listed["ok"]["devices"][0]["usable"], false);
    assert_eq!(listed["ok"]["devices"][0]["reason"], reason);
    program.ask(&search(2, "1", "1"), &[]);
    assert_eq!(program.answer().0, json!({ "id": 2, "error": { "code": "GPU_DEVICE_UNUSABLE", "text": reason } }));
}

#[test]
fn a_running_job_is_cancelled_and_the_program_answers_meanwhile() {
    let mut program = Program::start("{}");
    program.ask(&search(1, "18446744073709551615", "18446744073709551615"), &[]);
    let (progress, _) = program.frame();
    assert!(progress["progress"]["done"].as_u64().unwrap() > 0);
    program.ask(&json!({ "id": 2, "op": "ping" }), &[]);
    assert_eq!(program.answer().0, json!({ "id": 2, "ok": {} }));
    program.ask(&search(3, "1", "1"), &[]);
    program.ask(&json!({ "id": 4, "op": "cancel", "cancel": 1 }), &[]);
    let (cancelled, _) = program.answer();
    assert_eq!((&cancelled["id"], &cancelled["error"]["code"]), (&json!(1), &json!("GPU_CANCELLED")));
    // What waited behind it is done next.
    assert_eq!(program.answer().0["id"], 3);
}

#[test]
fn a_job_that_waits_is_cancelled_while_another_runs_and_its_id_is_free() {
    let mut program = Program::start("{}");
    program.ask(&search(1, "18446744073709551615", "18446744073709551615"), &[]);
    assert!(program.frame().0.get("progress").is_some());
    program.ask(&train(2, 1, 0), &b"never begun ".repeat(50));
    program.ask(&json!({ "op": "cancel", "cancel": 2 }), &[]);
    let (waiting, _) = program.answer();
    assert_eq!((&waiting["id"], &waiting["error"]["code"]), (&json!(2), &json!("GPU_CANCELLED")));
    program.ask(&search(2, "1", "1"), &[]);
    program.ask(&json!({ "op": "cancel", "cancel": 1 }), &[]);
    let (running, _) = program.answer();
    assert_eq!((&running["id"], &running["error"]["code"]), (&json!(1), &json!("GPU_CANCELLED")));
    assert_eq!(program.answer().0, json!({ "id": 2, "ok": { "nonce": "0", "hashes": "1" } }));
}

#[test]
fn malformed_requests_are_refused_and_the_stream_goes_on() {
    let mut program = Program::start("{}");
    program.ask(&json!({ "id": 1, "op": "ping", "more": true }), &[]);
    assert_eq!(program.answer().0["error"]["code"], "GPU_REQUEST");
    program.ask(&json!({ "id": 2, "op": "ping" }), &[1, 2, 3]);
    assert_eq!(program.answer().0["error"]["code"], "GPU_REQUEST");
    let shape =
        json!({ "id": 3, "op": "matmul", "device": "fake:0", "dtype": "f32", "m": 1_000_000, "k": 1_000_000, "n": 1 });
    program.ask(&shape, &[0; 100]);
    assert_eq!(program.answer().0["error"]["code"], "GPU_SHAPE");
    program.ask(
        &json!({ "id": 4, "op": "seal.heads", "device": "cuda:9", "inner": INNER, "start": "0", "count": 1 }),
        &[],
    );
    assert_eq!(program.answer().0["error"]["code"], "GPU_DEVICE_UNKNOWN");
    program.ask(&json!({ "id": 5, "op": "ping" }), &[]);
    assert_eq!(program.answer().0["ok"], json!({}));
}

#[test]
fn a_broken_stream_ends_the_program() {
    for bytes in [&[255_u8, 255, 255, 255, 0, 0, 0, 0][..], &[8, 0, 0, 0, 4, 0, 0, 0, b'n', b'o', b'p', b'e'], &[1]] {
        let mut program = Program::start("{}");
        program.input.as_mut().unwrap().write_all(bytes).unwrap();
        assert_eq!(program.end(), Some(64));
    }
}

#[test]
fn the_fake_device_misbehaves_as_it_is_told() {
    let script = r#"{"calls":[{"at":0,"do":"fail"},{"at":1,"do":"wrong"},{"at":2,"do":"panic"},{"at":3,"do":"memory"},{"from":5,"do":"exit"}]}"#;
    let mut program = Program::start(script);
    let mut codes = Vec::new();
    for id in 1..=5 {
        program.ask(&search(id, "18446744073709551615", "5"), &[]);
        let (answer, _) = program.answer();
        codes.push(answer["error"]["code"].as_str().or(answer["ok"]["nonce"].as_str()).map(str::to_owned));
    }
    let expected = [Some("GPU_DEVICE_LOST"), Some("0"), Some("GPU_INTERNAL"), Some("GPU_MEMORY"), None];
    assert_eq!(codes, expected.map(|code| code.map(str::to_owned)));
    program.ask(&search(6, "1", "1"), &[]);
    assert_eq!(program.child.wait().unwrap().code(), Some(3));
}

#[test]
fn an_unusable_device_gives_its_reason() {
    let mut program = Program::start(r#"{"reason":"no fan"}"#);
    program.ask(&search(1, "1", "1"), &[]);
    let (answer, _) = program.answer();
    assert_eq!(answer["error"], json!({ "code": "GPU_DEVICE_UNUSABLE", "text": "no fan" }));
}

fn train(id: u32, steps: u32, checkpoint: usize) -> Value {
    json!({
        "id": id, "op": "train", "device": "fake:0",
        "model": { "kind": "transformer", "width": 16, "layers": 1, "heads": 2, "context": 64 }, "seed": "5",
        "steps": steps, "totalSteps": 20, "budgetMs": 600_000, "checkpoint": checkpoint,
    })
}

#[test]
fn slices_of_training_go_on_from_the_checkpoints_that_they_answer() {
    let text = b"slices follow each other as if they were one. ".repeat(20);
    let shape = TransformerShape { width: 16, layers: 1, heads: 2, context: 64, mode: Mode::Fast };
    let model = Model::new(Spec::Transformer(shape), 5).unwrap();
    model.set_text(&text).unwrap();
    let mut program = Program::start(r#"{"calls":[{"at":3,"do":"wrong"}]}"#);
    let mut checkpoint = Vec::new();
    for (id, steps) in [(1, 2), (2, 1), (3, 3)] {
        program.ask(&train(id, steps, checkpoint.len()), &[checkpoint, text.clone()].concat());
        let (answer, payload) = program.answer();
        let slice = Slice { steps: u64::from(steps), budget: std::time::Duration::from_mins(10), total_steps: 20 };
        let report = model.train(&slice, &Unwatched).unwrap();
        assert_eq!(payload, model.save(false).unwrap());
        assert_eq!(answer["ok"]["steps"], report.steps);
        assert_eq!(answer["ok"]["bytes"], report.bytes);
        assert!((answer["ok"]["loss"].as_f64().unwrap() - report.loss).abs() < 1e-9);
        checkpoint = payload;
    }
    program.ask(&train(4, 1, checkpoint.len()), &[checkpoint.clone(), text.clone()].concat());
    let wrong = program.answer().1;
    model.train(&Slice { steps: 1, budget: std::time::Duration::from_mins(10), total_steps: 20 }, &Unwatched).unwrap();
    let right = model.save(false).unwrap();
    let differing = wrong.iter().zip(&right).filter(|(one, other)| one != other).count();
    assert!(wrong.len() == right.len() && (1..=4).contains(&differing), "{differing} bytes differ");
    // A cut checkpoint, and no text.
    program.ask(&train(5, 1, checkpoint.len() - 1), &checkpoint);
    assert_eq!(program.answer().0["error"]["code"], "GPU_REQUEST");
    program.ask(&train(6, 1, 0), &[]);
    assert_eq!(program.answer().0["error"]["code"], "GPU_REQUEST");
}

#[test]
fn training_is_cancelled_between_its_rounds() {
    let mut program = Program::start("{}");
    program.ask(&train(1, 4_000_000, 0), &b"without end ".repeat(50));
    assert!(program.frame().0["progress"]["total"] == 4_000_000);
    program.ask(&json!({ "op": "cancel", "cancel": 1 }), &[]);
    assert_eq!(program.answer().0["error"]["code"], "GPU_CANCELLED");
}
