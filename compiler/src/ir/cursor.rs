//! Reading one line of text: what the parsers of the IR and of the machine IR share.
//!
//! In: lines. Out: words, numbers and names, or an error with line, column and what was expected. A comment begins
//! with `;` and ends with the line. Invariant: nothing here panics, whatever the text.

use std::fmt;

/// Text that is not understood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParseError {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What was expected, and what stands there.
    pub message: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for ParseError {}

/// A place in the text: line and column, both from 1.
pub type Spot = (usize, usize);

/// An error at a place.
pub fn error_at<T>(spot: Spot, message: impl Into<String>) -> Result<T, ParseError> {
    Err(ParseError {
        line: spot.0,
        column: spot.1,
        message: message.into(),
    })
}

/// A line being read.
#[derive(Clone)]
pub struct Cursor<'a> {
    line: usize,
    whole: &'a str,
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    /// The lines of a text that hold anything.
    pub fn lines(text: &'a str) -> impl Iterator<Item = Cursor<'a>> {
        text.lines().enumerate().filter_map(|(i, whole)| {
            let code = without_comment(whole);
            let mut c = Cursor {
                line: i + 1,
                whole,
                rest: code,
            };
            c.skip();
            (!c.rest.is_empty()).then_some(c)
        })
    }

    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// Where the next word stands.
    pub fn spot(&self) -> Spot {
        let code = without_comment(self.whole);
        let at = code.len() - self.rest.len();
        (self.line, self.whole[..at].chars().count() + 1)
    }

    /// An error here: what was expected, and what stands there.
    pub fn expected<T>(&self, what: &str) -> Result<T, ParseError> {
        let found: String = self.rest.chars().take(20).collect();
        let found = match found.trim_end() {
            "" => "the end of the line".to_owned(),
            text => format!("`{text}`"),
        };
        error_at(self.spot(), format!("expected {what}, found {found}"))
    }

    /// Whether the line is used up.
    pub fn at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Fails unless the line is used up.
    ///
    /// # Errors
    /// If something is left.
    pub fn end(&self) -> Result<(), ParseError> {
        if self.at_end() {
            Ok(())
        } else {
            self.expected("the end of the line")
        }
    }

    /// Takes this punctuation if it comes next.
    pub fn take(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                self.skip();
                true
            }
            None => false,
        }
    }

    /// Takes this punctuation.
    ///
    /// # Errors
    /// If something else comes next.
    pub fn need(&mut self, text: &str) -> Result<(), ParseError> {
        if self.take(text) {
            Ok(())
        } else {
            self.expected(&format!("`{text}`"))
        }
    }

    /// The next word (letters, digits, `_` and `.`), without taking it.
    pub fn peek(&self) -> &'a str {
        let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
        let end = self.rest.find(|c| !word(c)).unwrap_or(self.rest.len());
        &self.rest[..end]
    }

    /// Takes the next word; it may be empty.
    pub fn word(&mut self) -> &'a str {
        let w = self.peek();
        self.rest = &self.rest[w.len()..];
        self.skip();
        w
    }

    /// Takes everything up to this character, or to the end; without the space before it.
    pub fn take_until(&mut self, end: char) -> &'a str {
        let at = self.rest.find(end).unwrap_or(self.rest.len());
        let text = &self.rest[..at];
        self.rest = &self.rest[at..];
        text.trim_end()
    }

    /// Takes the word if it is this one.
    pub fn take_word(&mut self, word: &str) -> bool {
        let found = self.peek() == word;
        if found {
            self.word();
        }
        found
    }

    /// Whether a letter and a number come next, such as `v12`.
    pub fn is_numbered(&self, letter: &str) -> bool {
        let digits = self.peek().strip_prefix(letter).unwrap_or("");
        !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
    }

    /// The number after a letter, such as 12 of `v12`.
    ///
    /// # Errors
    /// If something else comes next; `what` says what was expected.
    pub fn numbered(&mut self, letter: &str, what: &str) -> Result<u32, ParseError> {
        let n = self
            .is_numbered(letter)
            .then(|| self.peek()[letter.len()..].parse());
        match n {
            Some(Ok(n)) => {
                self.word();
                Ok(n)
            }
            _ => self.expected(what),
        }
    }

    /// A number: decimal or hexadecimal, maybe negative.
    ///
    /// # Errors
    /// If something else comes next.
    pub fn number(&mut self) -> Result<i128, ParseError> {
        let start = self.clone();
        let negative = self.take("-");
        let w = self.word();
        let n = match w.strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16),
            None => w.parse::<u64>(),
        };
        match n {
            Ok(n) if negative => Ok(-i128::from(n)),
            Ok(n) => Ok(i128::from(n)),
            Err(_) => start.expected("a number"),
        }
    }

    /// A number within a range.
    ///
    /// # Errors
    /// If something else comes next.
    pub fn number_in(&mut self, lo: i128, hi: i128) -> Result<i128, ParseError> {
        let start = self.clone();
        let n = self.number()?;
        if (lo..=hi).contains(&n) {
            Ok(n)
        } else {
            start.expected(&format!("a number from {lo} to {hi}"))
        }
    }

    /// Bytes in quotes, with `\xx` for those that are not themselves.
    ///
    /// # Errors
    /// If no such text comes next.
    pub fn quoted(&mut self) -> Result<Vec<u8>, ParseError> {
        let start = self.clone();
        let bad = || start.expected("text in quotes");
        let Some(rest) = self.rest.strip_prefix('"') else {
            return bad();
        };
        let Some(end) = rest.find('"') else {
            return bad();
        };
        let mut out = Vec::new();
        let mut body = rest.as_bytes()[..end].iter();
        while let Some(&b) = body.next() {
            if b != b'\\' {
                out.push(b);
                continue;
            }
            let mut digit = || body.next().and_then(|d| (*d as char).to_digit(16));
            match (digit(), digit()) {
                (Some(h), Some(l)) => out.push((h << 4 | l) as u8),
                _ => return bad(),
            }
        }
        self.rest = &rest[end + 1..];
        self.skip();
        Ok(out)
    }

    /// A name after `@`, plain or in quotes.
    ///
    /// # Errors
    /// If no name comes next.
    pub fn symbol(&mut self) -> Result<String, ParseError> {
        let start = self.clone();
        let bad = || start.expected("a name such as `@f`");
        let Some(rest) = self.rest.strip_prefix('@') else {
            return bad();
        };
        self.rest = rest;
        if rest.starts_with('"') {
            return match String::from_utf8(self.quoted()?) {
                Ok(s) => Ok(s),
                Err(_) => bad(),
            };
        }
        let plain = |c: char| super::text::is_plain(c.encode_utf8(&mut [0; 4]));
        let end = rest.find(|c| !plain(c)).unwrap_or(rest.len());
        if end == 0 {
            return bad();
        }
        self.rest = &rest[end..];
        self.skip();
        Ok(rest[..end].to_owned())
    }
}

/// The part of a line before its comment; a `;` in quotes begins none.
fn without_comment(line: &str) -> &str {
    let mut quoted = false;
    for (i, c) in line.char_indices() {
        match c {
            '"' => quoted = !quoted,
            ';' if !quoted => return line[..i].trim_end(),
            _ => {}
        }
    }
    line.trim_end()
}
