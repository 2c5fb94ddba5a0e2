//! Scenes: what is done with a module that somebody else wrote, line by line.
//!
//! In: text. Out: a [`Scene`]. A line is one of
//!
//! ```text
//! package NAME VERSION          whose file it is
//! file PATH                     the module within the package
//! copies MODULE FIELD           this import copies memory: to, from, bytes
//! memory BYTES                  how large its memory may become (without the line: 4 MiB more than at the start)
//! write PLACE DATA              the host writes: hex BYTES, text "...", noise N SEED, prose N SEED
//! [NAME =] call EXPORT VALUE*   calls an export; floats are written with a point
//! NAME = load PLACE             reads a little-endian word of memory
//! NAME = global EXPORT          reads an exported global
//! expect VALUE VALUE            both are the same
//! holds PLACE DATA              memory holds this
//! ```
//!
//! A place or value is a number, a name, or a name and a number to add (`p+8`). `#` begins a comment. Invariant: every name is
//! given before it is used.

use crate::regression::number;
use std::collections::HashSet;

/// A number, or one that the scene has given a name.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// Written out: its bits.
    Is(u64),
    /// A float, whose bits depend on the type that is wanted.
    Float(f64),
    /// What the name stands for, and a number to add.
    Named(String, u64),
}

/// Bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Data {
    /// Written out.
    Bytes(Vec<u8>),
    /// So many that look random, from a seed.
    Noise(usize, u64),
    /// So many of words that repeat, from a seed: what compresses and what parsers like.
    Prose(usize, u64),
}

/// One line.
#[derive(Clone, PartialEq, Debug)]
pub enum Line {
    /// The host writes.
    Write(Value, Data),
    /// A call, and the name of its first result.
    Call(Option<String>, String, Vec<Value>),
    /// A word of memory gets a name.
    Load(String, Value),
    /// An exported global's value gets a name.
    Global(String, String),
    /// Both are the same.
    Expect(Value, Value),
    /// Memory holds this.
    Holds(Value, Data),
}

/// What is done with one module.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Scene {
    /// The package and its version.
    pub package: (String, String),
    /// The module within it.
    pub file: String,
    /// Imports that copy memory.
    pub copying: Vec<(String, String)>,
    /// Bytes that its memory may have, if the scene says so.
    pub memory: Option<u64>,
    /// The lines, with their numbers.
    pub lines: Vec<(usize, Line)>,
}

impl Data {
    /// The bytes.
    pub fn bytes(&self) -> Vec<u8> {
        const WORDS: [&str; 12] = [
            "the ", "memory ", "of ", "a ", "machine ", "is ", "checked ", "at ", "every ",
            "access, ", "and ", "once. ",
        ];
        let random = |seed: u64| {
            let mut state = seed;
            std::iter::repeat_with(move || {
                state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                crate::engine::mix(state)
            })
        };
        match self {
            Data::Bytes(bytes) => bytes.clone(),
            Data::Noise(n, seed) => random(*seed).map(|x| x as u8).take(*n).collect(),
            Data::Prose(n, seed) => {
                let words = random(*seed).map(|x| WORDS[(x % 12) as usize]);
                words.flat_map(str::bytes).take(*n).collect()
            }
        }
    }
}

impl Scene {
    /// Reads the text of a scene.
    ///
    /// # Errors
    /// Text that names the line.
    pub fn parse(text: &str) -> Result<Scene, String> {
        let mut scene = Scene::default();
        let mut known = HashSet::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let place = |e: String| format!("line {}: {e}", at + 1);
            scene.line(at + 1, line, &mut known).map_err(place)?;
        }
        match scene.package.0.is_empty() || scene.file.is_empty() {
            true => Err("no line `package`, or no line `file`".into()),
            false => Ok(scene),
        }
    }

    fn line(&mut self, at: usize, line: &str, known: &mut HashSet<String>) -> Result<(), String> {
        let mut words = Words { rest: line, known };
        let first = words.word()?;
        let step = match first {
            "package" => {
                self.package = (words.word()?.into(), words.word()?.into());
                None
            }
            "file" => {
                self.file = words.word()?.into();
                None
            }
            "copies" => {
                let import = (words.word()?.into(), words.word()?.into());
                self.copying.push(import);
                None
            }
            "memory" => {
                self.memory = Some(words.number()?);
                None
            }
            "write" => Some(Line::Write(words.value()?, words.data()?)),
            "call" => Some(words.call(None)?),
            "expect" => Some(Line::Expect(words.value()?, words.value()?)),
            "holds" => Some(Line::Holds(words.value()?, words.data()?)),
            name => Some(words.named(name)?),
        };
        if !words.rest.is_empty() {
            return Err(format!("`{}` is too much", words.rest));
        }
        self.lines.extend(step.map(|s| (at, s)));
        Ok(())
    }
}

/// The words of a line that are still to be read.
struct Words<'a, 'k> {
    rest: &'a str,
    known: &'k mut HashSet<String>,
}

impl<'a> Words<'a, '_> {
    fn word(&mut self) -> Result<&'a str, String> {
        let (word, rest) = match self.rest.split_once(char::is_whitespace) {
            Some((word, rest)) => (word, rest.trim_start()),
            None => (self.rest, ""),
        };
        self.rest = rest;
        match word {
            "" => Err("the line ends too early".into()),
            word => Ok(word),
        }
    }

    fn number(&mut self) -> Result<u64, String> {
        let word = self.word()?;
        number(word).ok_or_else(|| format!("`{word}` is no number"))
    }

    fn value(&mut self) -> Result<Value, String> {
        let word = self.word()?;
        if let Some(n) = number(word) {
            return Ok(Value::Is(n));
        }
        if let Ok(float) = word.parse::<f64>() {
            return Ok(Value::Float(float));
        }
        let (name, add) = match word.split_once('+') {
            Some((name, add)) => (
                name,
                number(add).ok_or_else(|| format!("`{add}` is no number"))?,
            ),
            None => (word, 0),
        };
        match self.known.contains(name) {
            true => Ok(Value::Named(name.into(), add)),
            false => Err(format!("nothing is called `{name}` yet")),
        }
    }

    fn data(&mut self) -> Result<Data, String> {
        match self.word()? {
            "text" => {
                let text = std::mem::take(&mut self.rest);
                let inside = text.strip_prefix('"').and_then(|t| t.strip_suffix('"'));
                let inside = inside.ok_or("text stands between quotes")?;
                Ok(Data::Bytes(inside.bytes().collect()))
            }
            "hex" => {
                let digits = self.word()?;
                let byte = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
                let bytes = (0..digits.len()).step_by(2).map(byte).collect();
                let bytes: Option<Vec<u8>> = bytes;
                bytes
                    .map(Data::Bytes)
                    .ok_or_else(|| format!("`{digits}` is not of bytes"))
            }
            "noise" => Ok(Data::Noise(self.number()? as usize, self.number()?)),
            "prose" => Ok(Data::Prose(self.number()? as usize, self.number()?)),
            other => Err(format!("`{other}` is no kind of data")),
        }
    }

    fn call(&mut self, name: Option<String>) -> Result<Line, String> {
        let export = self.word()?.to_owned();
        let mut args = Vec::new();
        while !self.rest.is_empty() {
            args.push(self.value()?);
        }
        Ok(Line::Call(name, export, args))
    }

    /// A line that gives a name.
    fn named(&mut self, name: &str) -> Result<Line, String> {
        let name = name.to_owned();
        if self.word()? != "=" {
            return Err(format!("`{name}` begins no line"));
        }
        let line = match self.word()? {
            "call" => self.call(Some(name.clone()))?,
            "load" => Line::Load(name.clone(), self.value()?),
            "global" => Line::Global(name.clone(), self.word()?.into()),
            other => return Err(format!("`{other}` gives no value")),
        };
        self.known.insert(name);
        Ok(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read() {
        let text = "# one\npackage p 1.2\nfile a/b.wasm\nwrite 0x10 text \"ab\"\np = call f 1 -1 2.5\nexpect p+4 7\n";
        let scene = Scene::parse(text).expect("a scene");
        assert_eq!(scene.package, ("p".into(), "1.2".into()));
        let args = vec![Value::Is(1), Value::Is(u64::MAX), Value::Float(2.5)];
        assert_eq!(
            scene.lines[1].1,
            Line::Call(Some("p".into()), "f".into(), args)
        );
        assert_eq!(
            scene.lines[0].1,
            Line::Write(Value::Is(16), Data::Bytes(b"ab".into()))
        );
    }

    #[test]
    fn wrong_lines_are_named() {
        let wrong = |line: &str, what: &str| {
            let text = format!("package p 1\nfile f\n{line}");
            let error = Scene::parse(&text).expect_err(line);
            assert!(
                error.starts_with("line 3") && error.contains(what),
                "{error}"
            );
        };
        wrong("write q hex 00", "nothing is called `q`");
        wrong("write 0 hex 0", "is not of bytes");
        wrong("jump", "the line ends too early");
        wrong("memory many", "no number");
    }
}
