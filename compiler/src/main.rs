//! The command `thumbsmith`: declarations are in [`cli`], files in [`files`]; here is what joins them.
//!
//! Every error is one message on standard error and exit status 1; nothing half-written stays behind.

mod cli;
mod files;

use clap::Parser;
use std::process::ExitCode;

/// A compiler makes and drops many small vectors, which this allocator does faster than the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            // Help and version come this way too; they are no errors.
            let _ = e.print();
            return ExitCode::from(u8::from(e.use_stderr()));
        }
    };
    match cli.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("thumbsmith: {e}");
            ExitCode::FAILURE
        }
    }
}
