//! The one error type: what went wrong, where, and what to do about it.

use std::fmt;

/// What kind of error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorKind {
    /// The input is not a WebAssembly module, or its text form does not parse.
    Malformed,
    /// The module breaks a validation rule of the specification.
    Invalid,
    /// The module uses a feature that the compiler does not support.
    Unsupported,
    /// The module is larger than an implementation limit.
    Limit,
    /// Options contradict each other or the module.
    Options,
    /// A file could not be read or written.
    Io,
    /// A check inside the compiler failed; the output was withheld. Always a defect of the compiler.
    Internal,
}

/// An error with its place in the input.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error {
    /// What kind.
    pub kind: ErrorKind,
    /// What happened, in one sentence without a final full stop.
    pub message: String,
    /// The function: its index in the module's index space, and its name where it has one.
    pub function: Option<(u32, Option<String>)>,
    /// Byte offset from the start of the WebAssembly binary.
    pub offset: Option<u64>,
    /// What to do about it.
    pub help: Option<String>,
}

/// Result with [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error of this kind, without a place.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error {
            kind,
            message: message.into(),
            function: None,
            offset: None,
            help: None,
        }
    }
    /// The same error at a byte offset of the binary.
    pub fn at(mut self, offset: u64) -> Error {
        self.offset.get_or_insert(offset);
        self
    }
    /// The same error in a function.
    pub fn in_function(mut self, index: u32, name: Option<&str>) -> Error {
        self.function
            .get_or_insert((index, name.map(str::to_owned)));
        self
    }
    /// The same error with advice.
    pub fn help(mut self, help: impl Into<String>) -> Error {
        self.help.get_or_insert(help.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            ErrorKind::Malformed => "malformed",
            ErrorKind::Invalid => "invalid",
            ErrorKind::Unsupported => "unsupported",
            ErrorKind::Limit => "too large",
            ErrorKind::Options => "options",
            ErrorKind::Io => "file",
            ErrorKind::Internal => "internal error",
        };
        write!(f, "{kind}: {}", self.message)?;
        match &self.function {
            Some((i, Some(n))) => write!(f, ", in function {i} ({n})")?,
            Some((i, None)) => write!(f, ", in function {i}")?,
            None => {}
        }
        if let Some(o) = self.offset {
            write!(f, ", at byte {o:#x}")?;
        }
        if let Some(h) = &self.help {
            write!(f, "\n  help: {h}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}
