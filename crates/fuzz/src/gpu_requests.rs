//! What the GPU program is asked: headers, and whole streams of frames.
use std::io::{self, Write};
use std::sync::mpsc::{Sender, channel};

use gpu::error::Error;
use gpu::frame::{read_head, read_payload};
use gpu::request::{HEADS_MAX, Job, Op, Request};
use gpu::server::serve;
use serde_json::Value;

use crate::reader::Reader;

/// A header is refused by the code of a request or a shape, or it asks for something within the limits.
pub fn header(bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    let payload = reader.u32() as usize;
    let request = match Request::decode(reader.rest(), payload) {
        Ok(request) => request,
        Err((_, error)) => return assert!(matches!(error, Error::Request(_) | Error::Shape(_)), "{error}"),
    };
    assert!(request.id > 0 || matches!(request.op, Op::Cancel(_)), "there is nothing to answer");
    match request.op {
        Op::Work { job: Job::Matmul(shape), .. } => {
            assert_eq!(shape.sizes().map(|(a, b, _)| a + b), Ok(payload));
        }
        Op::Work { job: Job::Train(training), .. } => assert!(training.checkpoint <= payload),
        Op::Work { job: Job::Heads(heads), .. } => assert!(heads.count <= HEADS_MAX && payload == 0),
        _ => assert_eq!(payload, 0),
    }
}

/// Takes what the program writes. The other end knows that the program is gone when this is.
struct Out(Sender<Vec<u8>>);

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(bytes.to_vec()).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Any stream is served to its end or to where it breaks, and the program, which has no device here, answers in frames.
pub fn stream(mut bytes: &[u8]) {
    let (sender, written) = channel();
    let served = serve(&mut bytes, Box::new(Out(sender)), Vec::new);
    assert!(matches!(served, Ok(()) | Err(Error::Frame(_))), "{served:?}");
    let written: Vec<u8> = written.iter().flatten().collect();
    let mut from = written.as_slice();
    while let Some(head) = read_head(&mut from).unwrap_or_else(|error| panic!("{error}")) {
        let header: Value = serde_json::from_slice(&head.header).unwrap_or_else(|error| panic!("{error}"));
        assert!(header["id"].as_u64().is_some_and(|id| id > 0), "{header}");
        assert!(header["ok"].is_object() != header["error"].is_object(), "{header}");
        assert_eq!(read_payload(&mut from, head.payload), Ok(Vec::new()));
    }
}
