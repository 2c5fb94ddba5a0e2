//! Code that is right and code that is wrong in one way, as assembly: what the static judge must tell apart.
//!
//! In: lines. Out: sections, and what the judge finds in them. The tests go through all of it, and hunts draw from it, so
//! that a judge that lost a rule is noticed as any other defect is. Invariant: each row of [`WRONG`] is wrong in the one
//! way that its second column names.

use super::section::{Section, Target};
use super::{Word, aligned, flow, section};
use thumbsmith::Cpu;
use thumbsmith::isa::{Op, Place, encode_sized, parse_sized};

/// Lines of a section: code with `.word N` and `.byte N` as data; a line that starts with `!` has a relocation.
type Lines = &'static [&'static str];

/// Right code.
pub(super) const RIGHT: &[Lines] = &[
    &[
        "push {r4, lr}",
        "cmp r0, #1",
        "it eq",
        "moveq r0, #2",
        "pop {r4, pc}",
    ],
    &["cbz r0, .+4", "movs r0, #1", "bx lr"],
    &["ldr r0, [pc, #0]", "bx lr", ".word 4"],
    &["!b.w .+0"],
    &["!bl .+0", "bx lr"],
    &["tbb [pc, r0]", ".byte 1", ".byte 0", "bx lr"],
    &["tbb [pc, r0]", ".byte 1", ".byte 2", "nop", "bx lr"],
    &["ldrd r0, r1, [sp, #8]", "bx lr"],
    &[
        "add r2, sp, #16",
        "ldmia r2!, {r0, r1}",
        "stmia r2!, {r0, r1}",
        "bx lr",
    ],
    &[
        "lsls r0, r0, #2",
        "adds r0, #4",
        "ldrd r2, r3, [r0, #4]",
        "bx lr",
    ],
    &["!movw r0, #0", "!movt r0, #0", "ldrd r2, r3, [r0]", "bx lr"],
    &[
        "vpush {d8, d9}",
        "vldr s16, [sp, #4]",
        "vcmp.f32 s16, #0.0",
        "vmrs apsr_nzcv, fpscr",
        "vselgt.f32 s0, s16, s1",
        "vpop {d8, d9}",
        "bx lr",
    ],
    &[
        "vldr d0, [pc, #4]",
        "bx lr",
        ".byte 0",
        ".byte 0",
        ".word 4",
        ".word 4",
    ],
];

/// Wrong code, and a part of what is to be said of it.
pub(super) const WRONG: &[(Lines, &str)] = &[
    (&["movs r0, #1"], "runs off the code"),
    (&["movs r0, #1", ".word 0"], "runs off the code"),
    (&["b .+8", "movw r0, #1", "bx lr"], "a jump to 0x8"),
    (&["b .+4", "movw r0, #1", "bx lr"], "a jump to 0x4"),
    (
        &["b .+4", "it eq", "moveq r0, #1", "bx lr"],
        "into the IT block",
    ),
    (&["movs r0, #1", "it eq"], "IT block reaches over the end"),
    (&["!bl .+4", "bx lr"], "a call lands 4 bytes from"),
    (&["!b.w .+4"], "a call lands 4 bytes from"),
    (&["ldr r0, [pc, #0]", "nop", "bx lr"], "which is not data"),
    (
        &["tbb [pc, r0]", ".byte 2", ".byte 0", "movw r0, #0", "bx lr"],
        "a jump to",
    ),
    (
        &["tbb [pc, r0]", ".byte 1", ".byte 2", "bx lr"],
        "a jump to",
    ),
    (
        &["tbb [r1, r0]", ".byte 1", ".byte 0", "bx lr"],
        "not behind its branch",
    ),
    (&["tbb [pc, r0]", "bx lr"], "no data behind"),
    (
        &["ldrd r2, r3, [r0]", "bx lr"],
        "may be no multiple of four",
    ),
    (&["vldr s0, [r0]", "bx lr"], "may be no multiple of four"),
    (
        &["add r1, sp, #2", "vstr d0, [r1]", "bx lr"],
        "may be no multiple of four",
    ),
    (
        &["vldr d0, [pc, #4]", "nop", "bx lr", ".word 4"],
        "which is not data",
    ),
    (
        &[
            "add r2, sp, #16",
            "adds r2, #2",
            "ldmia r2!, {r0, r1}",
            "bx lr",
        ],
        "may be no",
    ),
    (
        &[
            "add r2, sp, #16",
            "cbz r0, .+4",
            "adds r2, #1",
            "strd r0, r1, [r2]",
            "bx lr",
        ],
        "may be no",
    ),
    (
        &["add r0, sp, #16", "blx r4", "ldrd r2, r3, [r0]", "bx lr"],
        "may be no",
    ),
    (
        &[
            "add r0, sp, #16",
            "it eq",
            "moveq r0, r1",
            "ldrd r2, r3, [r0]",
            "bx lr",
        ],
        "may be no",
    ),
    (
        &[
            "add r0, sp, #2",
            "it eq",
            "moveq r0, sp",
            "ldrd r2, r3, [r0]",
            "bx lr",
        ],
        "may be no",
    ),
];

/// Judges one row by its number, right ones first.
///
/// # Errors
/// Text, if right code is found wrong or wrong code is not found to be what it is.
pub fn judge(number: usize) -> Result<(), String> {
    let number = number % (RIGHT.len() + WRONG.len());
    let (lines, what) = match number.checked_sub(RIGHT.len()) {
        None => (RIGHT[number], None),
        Some(k) => (WRONG[k].0, Some(WRONG[k].1)),
    };
    let found = findings(&assemble(lines)?, Cpu::CortexM7F);
    match what {
        None if found.is_empty() => Ok(()),
        Some(what) if found.contains(what) => Ok(()),
        None => Err(format!(
            "the static judge refuses {lines:?}, which is right, by {found:?}"
        )),
        Some(what) => Err(format!(
            "the static judge does not find {what} in {lines:?}, but {found:?}"
        )),
    }
}

/// How many rows there are.
pub fn count() -> usize {
    RIGHT.len() + WRONG.len()
}

/// A section of these lines; `.word N` and `.byte N` are data, a line that starts with `!` has a relocation.
pub(super) fn assemble(lines: &[&str]) -> Result<Section, String> {
    let mut s = Section {
        name: "f".into(),
        bytes: Vec::new(),
        ranges: Vec::new(),
        targets: Default::default(),
        entries: vec![0],
    };
    let mut block = 0;
    for line in lines {
        let at = s.bytes.len() as u32;
        let (line, relocated) = match line.strip_prefix('!') {
            Some(rest) => (rest, true),
            None => (*line, false),
        };
        if relocated {
            s.targets.insert(at, Target { aligned: true });
        }
        let data = line.strip_prefix(".word ").map(|n| (n, 4));
        let data = data.or(line.strip_prefix(".byte ").map(|n| (n, 1)));
        if let Some((n, size)) = data {
            let value: u32 = n.parse().map_err(|_| format!("{line}: no number"))?;
            s.bytes.extend(&value.to_le_bytes()[..size]);
        } else {
            let (inst, size) = parse_sized(line).map_err(|e| format!("{line}: {e}"))?;
            let place = [Place::Outside, Place::Last, Place::Inside][block.min(2)];
            let sizes = size.map_or(vec![2, 4], |s| vec![s]);
            let encoded = sizes
                .into_iter()
                .find_map(|n| encode_sized(&inst, Cpu::CortexM7F, place, n).ok())
                .ok_or_else(|| format!("{line}: no encoding"))?;
            block = match inst.op {
                Op::It => 4 - (inst.imm as u32 & 15).trailing_zeros() as usize,
                _ => usize::saturating_sub(block, 1),
            };
            for half in encoded.halfwords() {
                s.bytes.extend(half.to_le_bytes());
            }
        }
        let (end, code) = (s.bytes.len() as u32, data.is_none());
        match s.ranges.last_mut() {
            Some(last) if last.2 == code => last.1 = end,
            _ => s.ranges.push((at, end, code)),
        }
    }
    Ok(s)
}

/// All findings of all parts, on this CPU.
pub(super) fn findings(s: &Section, cpu: Cpu) -> String {
    let decoded = section::decode_all(s, &mut |bits, wide, it| {
        section::legal(&Word {
            cpu,
            bits,
            wide,
            it,
        })
    });
    let judged = decoded.and_then(|code| {
        flow::judge(s, &code)?;
        aligned::judge(s, &code)
    });
    judged
        .err()
        .unwrap_or_default()
        .into_iter()
        .map(|(at, text)| format!("{at}: {text}\n"))
        .collect()
}
