//! `taumesh-gpu [--software]`: serves GPU work on standard input and output until the input ends; see `gpu::server`.
use std::io::{Write, stderr, stdin, stdout};

use gpu::list::{Choice, devices};
use gpu::server::serve;

/// Status of a wrong command line, environment or input.
const USAGE: i32 = 64;

fn main() {
    let status = match run() {
        Ok(()) => 0,
        Err(text) => {
            let _ = writeln!(stderr(), "taumesh-gpu: {text}");
            USAGE
        }
    };
    leave(status);
}

fn run() -> Result<(), String> {
    let mut choice = Choice::from_environment().map_err(|error| error.to_string())?;
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--software" => choice.software = true,
            other => return Err(format!("unknown argument {other}: --software lets software renderers be used")),
        }
    }
    serve(&mut stdin().lock(), Box::new(stdout()), move || devices(choice)).map_err(|error| error.to_string())
}

/// Ends at once, without the drivers' exit handlers: other threads may still be inside them.
#[cfg(unix)]
#[allow(unsafe_code)]
fn leave(status: i32) -> ! {
    // SAFETY: ends the process; nothing runs afterwards that could see half-done state.
    unsafe { libc::_exit(status) }
}

#[cfg(not(unix))]
fn leave(status: i32) -> ! {
    std::process::exit(status)
}
