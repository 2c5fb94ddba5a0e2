//! The static judge on code that is right and on code that is wrong in one way.

use super::section::{Section, Target};
use super::{Word, aligned, flow, section};
use thumbsmith::Cpu;
use thumbsmith::isa::{Op, Place, encode_sized, parse_sized};

/// A section of these lines; `.word N` and `.byte N` are data, a line that starts with `!` has a relocation.
fn assemble(lines: &[&str]) -> Section {
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
            let value: u32 = n.parse().expect("a number");
            s.bytes.extend(&value.to_le_bytes()[..size]);
        } else {
            let (inst, size) = parse_sized(line).unwrap_or_else(|e| panic!("{line}: {e}"));
            let place = [Place::Outside, Place::Last, Place::Inside][block.min(2)];
            let sizes = size.map_or(vec![2, 4], |s| vec![s]);
            let encoded = sizes
                .into_iter()
                .find_map(|n| encode_sized(&inst, Cpu::CortexM4, place, n).ok())
                .unwrap_or_else(|| panic!("{line}"));
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
    s
}

/// All findings of all parts, on this CPU.
fn findings(s: &Section, cpu: Cpu) -> String {
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

fn clean(lines: &[&str]) {
    let found = findings(&assemble(lines), Cpu::CortexM4);
    assert!(found.is_empty(), "{lines:?}: {found}");
}

fn wrong(lines: &[&str], what: &str) {
    let found = findings(&assemble(lines), Cpu::CortexM4);
    assert!(found.contains(what), "{lines:?}: {found:?}");
}

#[test]
fn right_code_passes() {
    clean(&[
        "push {r4, lr}",
        "cmp r0, #1",
        "it eq",
        "moveq r0, #2",
        "pop {r4, pc}",
    ]);
    clean(&["cbz r0, .+4", "movs r0, #1", "bx lr"]);
    clean(&["ldr r0, [pc, #0]", "bx lr", ".word 4"]);
    clean(&["!b.w .+4"]);
}

#[test]
fn what_a_core_lacks_is_not_legal() {
    let s = assemble(&["sxtab r0, r1, r2", "bx lr"]);
    assert_eq!(findings(&s, Cpu::CortexM4), "");
    assert!(findings(&s, Cpu::CortexM3).contains("not legal"));
}

#[test]
fn control_stays_on_instructions() {
    wrong(&["movs r0, #1"], "runs off the code");
    wrong(&["movs r0, #1", ".word 0"], "runs off the code");
    wrong(&["b .+8", "movw r0, #1", "bx lr"], "a jump to 0x8");
    wrong(&["b .+4", "movw r0, #1", "bx lr"], "a jump to 0x4");
    wrong(
        &["b .+4", "it eq", "moveq r0, #1", "bx lr"],
        "into the IT block",
    );
    wrong(&["movs r0, #1", "it eq"], "IT block reaches over the end");
    wrong(&["ldr r0, [pc, #0]", "nop", "bx lr"], "which is not data");
}

#[test]
fn tables_land_on_instructions() {
    clean(&["tbb [pc, r0]", ".byte 1", ".byte 0", "bx lr"]);
    wrong(
        &["tbb [pc, r0]", ".byte 2", ".byte 0", "movw r0, #0", "bx lr"],
        "a jump to",
    );
    wrong(
        &["tbb [r1, r0]", ".byte 1", ".byte 0", "bx lr"],
        "not behind its branch",
    );
    wrong(&["tbb [pc, r0]", "bx lr"], "no data behind");
}

#[test]
fn several_words_need_a_known_address() {
    clean(&["ldrd r0, r1, [sp, #8]", "bx lr"]);
    clean(&[
        "add r2, sp, #16",
        "ldmia r2!, {r0, r1}",
        "stmia r2!, {r0, r1}",
        "bx lr",
    ]);
    clean(&[
        "lsls r0, r0, #2",
        "adds r0, #4",
        "ldrd r2, r3, [r0, #4]",
        "bx lr",
    ]);
    clean(&["!movw r0, #0", "!movt r0, #0", "ldrd r2, r3, [r0]", "bx lr"]);
    wrong(
        &["ldrd r2, r3, [r0]", "bx lr"],
        "may be no multiple of four",
    );
    wrong(
        &[
            "add r2, sp, #16",
            "adds r2, #2",
            "ldmia r2!, {r0, r1}",
            "bx lr",
        ],
        "may be no",
    );
    wrong(
        &[
            "add r2, sp, #16",
            "cbz r0, .+4",
            "adds r2, #1",
            "strd r0, r1, [r2]",
            "bx lr",
        ],
        "may be no",
    );
    wrong(
        &["add r0, sp, #16", "blx r4", "ldrd r2, r3, [r0]", "bx lr"],
        "may be no",
    );
    wrong(
        &[
            "add r0, sp, #16",
            "it eq",
            "moveq r0, r1",
            "ldrd r2, r3, [r0]",
            "bx lr",
        ],
        "may be no",
    );
}
