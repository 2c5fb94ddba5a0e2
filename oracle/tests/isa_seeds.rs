//! Every seeded bug of the encoder changes bits that two assemblers agreed on, or takes what it must refuse: it can be found
//! at all.
//!
//! One test, because a seeded bug is on for the whole process.

use thumbsmith::Cpu;
use thumbsmith::isa::table::FORMS;
use thumbsmith::isa::{Cond, Inst, Place, encode};
use thumbsmith::seeded::{BUGS, set};

#[test]
fn every_seeded_encoding_bug_changes_bits() {
    let mut state = 7u64;
    let mut instructions = Vec::new();
    for form in &FORMS {
        for n in 0..3000 {
            state = state
                .wrapping_mul(0x5851_f42d_4c95_7f2d)
                .wrapping_add(0x1405_7b7e_f767_814f);
            let in_it = (n % 4 == 0).then_some(Cond::Mi);
            let place = if in_it.is_some() {
                Place::Last
            } else {
                Place::Outside
            };
            if let Some(inst) = form.sample((state >> 32) as u32, in_it) {
                // The next immediate may be one that is refused.
                let imm = inst.imm.wrapping_add(1);
                for inst in [inst, Inst { imm, ..inst }] {
                    instructions.push((inst, place, encode(&inst, Cpu::CortexM7F, place)));
                }
            }
        }
    }
    let bugs: Vec<_> = BUGS
        .iter()
        .filter(|bug| (200..230).contains(&bug.number) || bug.class == "FPU")
        .filter(|bug| bug.stage == "encode")
        .collect();
    assert!(bugs.len() >= 8);
    for bug in bugs {
        let (number, name) = (bug.number, bug.name);
        set(number);
        let wrong = instructions
            .iter()
            .filter(|(i, p, e)| encode(i, Cpu::CortexM7F, *p) != *e)
            .count();
        set(0);
        println!(
            "{number} {name}: {wrong} of {} instructions",
            instructions.len()
        );
        assert!(wrong > 0, "{number} {name} changes nothing");
    }
}
