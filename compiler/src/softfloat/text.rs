//! Assembly with named labels, as people write it, to linear code.
//!
//! In: the text of a room of helpers. Out: its [`Item`]s, and which label each name is. Invariant: an instruction is read by the
//! instruction table alone; this file knows lines, labels, comments (`@`) and the branches to labels, which are items of
//! their own because their size depends on where things are (CBZ over a long way is a comparison, which sets flags). What layout makes of it is checked by running it.
//!
//! ```text
//! f32_neg:                     @ a name at the start of a line is a label
//!   cbz r0, zero
//!   eor r0, r0, #0x80000000
//! zero:
//!   bx lr
//! ```

use crate::backend::code::{Item, Kind, Label};
use crate::error::{Error, ErrorKind, Result};
use crate::isa::{self, Cond, Reg};
use rustc_hash::FxHashMap;

/// A room of helpers as linear code.
pub struct Source<'a> {
    /// Its items.
    pub items: Vec<Item>,
    /// What is called what.
    pub labels: FxHashMap<&'a str, Label>,
}

/// Reads a text. `name` is that of the file, for errors.
///
/// # Errors
/// `Internal` with the line that is not understood, or whose label stands twice or nowhere.
pub fn read<'a>(name: &str, text: &'a str) -> Result<Source<'a>> {
    let mut labels = FxHashMap::default();
    let lines: Vec<(usize, &str)> = text
        .lines()
        .enumerate()
        .map(|(i, line)| (i + 1, line.split('@').next().unwrap_or_default().trim()))
        .filter(|(_, line)| !line.is_empty())
        .collect();
    let wrong =
        |line: usize, what: &str| Error::new(ErrorKind::Internal, format!("{name}:{line}: {what}"));
    for (number, line) in &lines {
        let Some(label) = line.strip_suffix(':') else {
            continue;
        };
        let next = Label(labels.len() as u32);
        if labels.insert(label, next).is_some() {
            return Err(wrong(*number, "the label stands twice"));
        }
    }
    let mut items = Vec::with_capacity(lines.len());
    for (number, line) in &lines {
        let kind = match line.strip_suffix(':') {
            Some(label) => Kind::Label(labels[label]),
            None => instruction(line, &labels).map_err(|what| wrong(*number, &what))?,
        };
        items.push(Item { kind, loc: 0 });
    }
    Ok(Source { items, labels })
}

/// A branch to a label, or an instruction of the table.
fn instruction(line: &str, labels: &FxHashMap<&str, Label>) -> std::result::Result<Kind, String> {
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let target = |name: &str| match labels.get(name.trim()) {
        Some(label) => Ok(*label),
        None => Err(format!("no label `{}`", name.trim())),
    };
    if let Some(zero) = [("cbz", true), ("cbnz", false)]
        .iter()
        .find_map(|(name, zero)| (*name == word).then_some(*zero))
    {
        let (reg, name) = rest.split_once(',').ok_or("a register and a label")?;
        let number = reg.trim().strip_prefix('r').and_then(|n| n.parse().ok());
        let low = number.map(Reg).filter(|r| r.is_low());
        let reg = low.ok_or("a register of r0 to r7")?;
        return Ok(Kind::BranchZero(reg, zero, target(name)?));
    }
    let cond = Cond::ALL
        .into_iter()
        .find(|c| word.strip_prefix('b') == Some(c.suffix()));
    if let Some(cond) = cond {
        return Ok(Kind::Branch(cond, target(rest)?));
    }
    isa::parse(line).map(Kind::Inst).map_err(|e| e.message)
}

/// What is left of the items where only these labels are entered: everything that control reaches from them, and the
/// labels.
pub fn reached(items: &[Item], entries: &[Label]) -> Vec<Item> {
    let mut places = FxHashMap::default();
    for (i, item) in items.iter().enumerate() {
        if let Kind::Label(label) = item.kind {
            places.insert(label, i);
        }
    }
    let mut kept = vec![false; items.len()];
    let mut open: Vec<usize> = entries
        .iter()
        .filter_map(|l| places.get(l).copied())
        .collect();
    while let Some(start) = open.pop() {
        for (i, item) in items.iter().enumerate().skip(start) {
            if std::mem::replace(&mut kept[i], true) {
                break;
            }
            open.extend(item.targets().iter().filter_map(|l| places.get(l).copied()));
            if item.is_end() {
                break;
            }
        }
    }
    let both = items.iter().zip(kept);
    both.filter(|(_, kept)| *kept)
        .map(|(item, _)| item.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "
one:                @ falls through
  adds r0, r0, #1
two:
  cbz r0, out
  bhi one
  bx lr
other:
  it eq
  moveq r0, #0
  b two
out:
  bx lr
";

    #[test]
    fn what_no_entry_reaches_is_left_out() {
        let source = read("text", TEXT).expect("it reads");
        let count = |name: &str| reached(&source.items, &[source.labels[name]]).len();
        // `two` comes back to `one`; `out` is only its own.
        assert_eq!((count("two"), count("one"), count("out")), (8, 8, 2));
        assert_eq!(count("other"), source.items.len());
    }

    #[test]
    fn text_that_is_wrong_is_refused_by_line() {
        for (from, to, said) in [
            ("bhi one", "bhi three", "text:6: no label `three`"),
            ("other:", "two:", "text:8: the label stands twice"),
            ("cbz r0", "cbz r8", "text:5: a register of r0 to r7"),
            ("moveq", "mosteq", "text:10: unknown mnemonic"),
        ] {
            let text = TEXT.replace(from, to);
            let error = read("text", &text).err().expect("it is refused");
            assert!(error.message.starts_with(said), "{error:?}");
        }
    }
}
