//! Reading the input and writing the outputs.
//!
//! In: paths, where `-` is standard input and output. Out: a WebAssembly binary; files that are all there and whole,
//! or not at all. Invariant: a file's old contents stay until every output of the run has been written
//! beside its destination; only then are they renamed into place. Checked by `tests/cli.rs`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use thumbsmith::{Error, ErrorKind, Result};

/// The name of standard input and output.
pub const STANDARD: &str = "-";

/// The longest input that is read: WebAssembly's implementation limit for a module, 1 GiB.
const LONGEST: u64 = 1 << 30;

fn failed(what: &str, path: &Path, e: &io::Error) -> Error {
    Error::new(
        ErrorKind::Io,
        format!("cannot {what} {}: {e}", path.display()),
    )
}

/// Reads a module in either form and gives its binary form.
///
/// # Errors
/// `Io`; `Limit` if it is longer than a module may be; `Malformed` with line and column if the text form does not parse.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let got = if path.as_os_str() == STANDARD {
        io::stdin().lock().take(LONGEST + 1).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|f| f.take(LONGEST + 1).read_to_end(&mut bytes))
    };
    got.map_err(|e| failed("read", path, &e))?;
    if bytes.len() as u64 > LONGEST {
        return Err(Error::new(
            ErrorKind::Limit,
            format!("{} is longer than 1 GiB", path.display()),
        ));
    }
    // The binary form announces itself; a name that claims it is believed too, so that the error is about the binary.
    let binary = bytes.starts_with(b"\0asm") || path.extension().is_some_and(|e| e == "wasm");
    if binary {
        Ok(bytes)
    } else {
        text(path, &bytes)
    }
}

fn text(path: &Path, bytes: &[u8]) -> Result<Vec<u8>> {
    let source = std::str::from_utf8(bytes).map_err(|e| {
        Error::new(
            ErrorKind::Malformed,
            "the input is neither a WebAssembly binary nor text in UTF-8",
        )
        .at(e.valid_up_to() as u64)
    })?;
    wat::parse_str(source).map_err(|mut e| {
        e.set_path(path);
        Error::new(ErrorKind::Malformed, e.to_string())
    })
}

/// An output that is written beside its destination, or into memory for standard output.
struct Pending<'a> {
    /// Where it goes in the end.
    to: PathBuf,
    /// The temporary file; `None` where there is nothing to rename.
    temporary: Option<PathBuf>,
    contents: &'a [u8],
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if let Some(t) = &self.temporary {
            // On the way out of an error; a file that is gone already is fine.
            let _ = fs::remove_file(t);
        }
    }
}

impl<'a> Pending<'a> {
    fn new(path: &Path, contents: &'a [u8]) -> Result<Pending<'a>> {
        let direct = |to: &Path| Pending {
            to: to.to_owned(),
            temporary: None,
            contents,
        };
        if path.as_os_str() == STANDARD {
            return Ok(direct(path));
        }
        // A link stays a link, a device or pipe is written to; only files are replaced.
        let to = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        match fs::metadata(&to) {
            Ok(m) if m.is_dir() => {
                return Err(Error::new(
                    ErrorKind::Io,
                    format!("cannot write {}: it is a directory", path.display()),
                ));
            }
            Ok(m) if !m.is_file() => return Ok(direct(&to)),
            _ => {}
        }
        let name = to
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        let temporary = to.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&temporary)
            .map_err(|e| failed("write", path, &e))?;
        let mut pending = direct(&to);
        pending.temporary = Some(temporary);
        file.write_all(contents)
            .and_then(|()| file.flush())
            .map_err(|e| failed("write", path, &e))?;
        Ok(pending)
    }

    fn finish(mut self) -> Result<()> {
        let done = match self.temporary.take() {
            Some(t) => fs::rename(&t, &self.to).inspect_err(|_| {
                let _ = fs::remove_file(&t);
            }),
            None if self.to.as_os_str() == STANDARD => {
                let mut out = io::stdout().lock();
                out.write_all(self.contents).and_then(|()| out.flush())
            }
            None => OpenOptions::new()
                .write(true)
                .open(&self.to)
                .and_then(|mut f| f.write_all(self.contents)),
        };
        done.map_err(|e| failed("write", &self.to, &e))
    }
}

/// Writes all outputs, or none of the files among them.
///
/// # Errors
/// `Io`, naming the file.
pub fn write(outputs: &[(PathBuf, Vec<u8>)]) -> Result<()> {
    let binary_to_terminal = outputs
        .iter()
        .any(|(p, b)| p.as_os_str() == STANDARD && b.contains(&0) && io::stdout().is_terminal());
    if binary_to_terminal {
        return Err(
            Error::new(ErrorKind::Io, "an object file does not go to a terminal")
                .help("name a file with -o, or pipe the output"),
        );
    }
    let pending = outputs
        .iter()
        .map(|(path, bytes)| Pending::new(path, bytes))
        .collect::<Result<Vec<_>>>()?;
    // Streams first: if one is closed, no file has been put in place yet.
    let (streams, files): (Vec<_>, Vec<_>) =
        pending.into_iter().partition(|p| p.temporary.is_none());
    streams
        .into_iter()
        .chain(files)
        .try_for_each(Pending::finish)
}
