//! Which registers hold multiples of four, and that every access that needs one goes through one.
//!
//! In: a section and its instructions. Out: findings. LDRD, STRD, LDM, STM, PUSH and POP, VLDR, VSTR, VPUSH and VPOP fault on
//! real cores at an address that is no multiple of four (Arm v7-M manual, A3.2.1), whatever simulators do; addresses of WebAssembly may be anything.
//! So the judge demands a proof: a forward analysis over the instructions' own meanings, in which only SP is
//! known at the start (AAPCS32, 6.2.1.1). Invariant: what is not understood is not known to be aligned.

use super::Findings;
use super::flow::{literal, successors};
use super::section::{Code, Item, Section};
use thumbsmith::isa::{self, Addr, Alu, Reg, RegSet, Sem, ShiftKind, Vfp};
use thumbsmith::seeded::{Bug, on};

/// Registers known to hold multiples of four.
type Known = RegSet;

/// Judges all accesses to words that must be aligned and can be reached.
pub(super) fn judge(section: &Section, code: &Code) -> Findings {
    if !code.items.iter().any(|i| aligned_base(i).is_some()) {
        return Ok(());
    }
    let mut states: Vec<Option<Known>> = vec![None; code.items.len()];
    let mut work: Vec<usize> = Vec::new();
    for entry in section
        .entries
        .iter()
        .filter_map(|e| code.at(i64::from(*e)))
    {
        states[entry] = Some(Known::of(Reg::SP));
        work.push(entry);
    }
    while let Some(number) = work.pop() {
        let Some(before) = states[number] else {
            continue;
        };
        let after = transfer(section, &code.items[number], before);
        for next in successors(section, code, number).unwrap_or_default() {
            let merged = states[next].map_or(after, |old| old.and(after));
            if states[next] != Some(merged) {
                states[next] = Some(merged);
                work.push(next);
            }
        }
    }
    let mut found = Vec::new();
    for (item, state) in code.items.iter().zip(&states) {
        if let (Some(base), Some(known)) = (aligned_base(item), state)
            && !known.contains(base)
        {
            let text = format!("`{}`: {base} may be no multiple of four", item.inst);
            found.push((item.at, text));
        }
    }
    if found.is_empty() { Ok(()) } else { Err(found) }
}

/// The base register, if the instruction accesses more than one word, or memory for a register of the FPU. The PC of a
/// literal is a multiple of four.
fn aligned_base(item: &Item) -> Option<Reg> {
    match item.inst.op.sem() {
        Sem::LoadDual | Sem::StoreDual => Some(item.inst.regs[2]),
        Sem::LoadMany { .. } | Sem::StoreMany { .. } => Some(item.inst.regs[0]),
        Sem::Push | Sem::Pop => Some(Reg::SP),
        Sem::Load(..) | Sem::Store(..) => None,
        Sem::AluI(_) | Sem::AluR(_) | Sem::TestI(_) | Sem::TestR(_) | Sem::Movt | Sem::Adr => None,
        Sem::ShiftI(_) | Sem::ShiftR(_) | Sem::Rrx | Sem::Mul | Sem::Mla | Sem::Mls => None,
        Sem::MulLong { .. } | Sem::Umaal | Sem::Div { .. } | Sem::Smmul | Sem::MulHalf { .. } => {
            None
        }
        Sem::Clz | Sem::Rbit | Sem::Rev | Sem::Rev16 | Sem::Revsh | Sem::Extend(_) => None,
        Sem::ExtendAdd(_) | Sem::FieldGet { .. } | Sem::FieldPut | Sem::FieldClear => None,
        Sem::Saturate { .. } | Sem::Branch | Sem::Call | Sem::CallReg | Sem::BranchReg => None,
        Sem::CompareBranch { .. } | Sem::TableBranch { .. } => None,
        Sem::It | Sem::Nop | Sem::Udf | Sem::Bkpt => None,
        Sem::Vfp(Vfp::Load(_, Addr::Literal)) => None,
        Sem::Vfp(Vfp::Load(..) | Vfp::Store(_)) => Some(item.inst.regs[1]),
        Sem::Vfp(Vfp::Push | Vfp::Pop) => Some(Reg::SP),
        Sem::Vfp(_) => None,
    }
}

/// What is known after an instruction.
fn transfer(section: &Section, item: &Item, before: Known) -> Known {
    let inst = &item.inst;
    let is = |n: usize| before.contains(inst.regs[n]);
    let word = |imm: i32| imm & 3 == 0;
    let mut after = before.minus(isa::writes(inst));
    if matches!(inst.op.sem(), Sem::Call | Sem::CallReg) {
        after = after.minus(RegSet::CALLER_SAVED);
    }
    let mut learn = |n: usize, holds: bool| {
        if holds {
            after.insert(inst.regs[n]);
        }
    };
    match inst.op.sem() {
        // The address of a symbol is aligned as the object says.
        Sem::AluI(alu) => learn(
            0,
            match section.targets.get(&item.at) {
                Some(target) => target.aligned && word(inst.imm),
                None => immediate(alu, inst.imm, is(1)),
            },
        ),
        Sem::Movt => learn(0, is(0)),
        Sem::AluR(alu) => {
            let last = if alu.is_binary() { 2 } else { 1 };
            let shifted = inst.shift.kind == ShiftKind::Lsl
                && (inst.shift.amount >= 2 || inst.shift.amount == 0 && is(last));
            learn(0, registers(alu, is(1), shifted));
        }
        Sem::ShiftI(ShiftKind::Lsl) => learn(0, inst.imm >= 2),
        Sem::Adr => learn(0, literal(item).is_some_and(|(at, _)| at % 4 == 0)),
        Sem::Load(_, Addr::Literal) => {
            learn(0, literal(item).is_some_and(|(at, _)| pool(section, at)))
        }
        Sem::Load(_, Addr::Pre | Addr::Post) | Sem::Store(_, Addr::Pre | Addr::Post) => {
            learn(1, is(1) && word(inst.imm));
        }
        Sem::LoadMany {
            writeback: true, ..
        }
        | Sem::StoreMany {
            writeback: true, ..
        } => {
            learn(0, is(0));
        }
        Sem::Push | Sem::Pop | Sem::Vfp(Vfp::Push | Vfp::Pop) if before.contains(Reg::SP) => {
            after.insert(Reg::SP)
        }
        // Nothing is learned from the rest: what they write may be anything.
        _ => {}
    }
    // One whose condition fails leaves everything as it was.
    if item.conditional() && !on(Bug::StaticConditional) {
        after.and(before)
    } else {
        after
    }
}

/// Whether an operation with an immediate gives a multiple of four; `a`: its register operand is one.
fn immediate(alu: Alu, imm: i32, a: bool) -> bool {
    let word = imm & 3 == 0;
    match alu {
        Alu::Add | Alu::Sub | Alu::Rsb | Alu::Orr | Alu::Eor => a && word,
        Alu::And => a || word,
        Alu::Bic => a || imm & 3 == 3,
        Alu::Mov => word,
        Alu::Mvn => imm & 3 == 3,
        Alu::Adc | Alu::Sbc | Alu::Orn => false,
    }
}

/// Whether an operation gives a multiple of four, from whether its operands are.
fn registers(alu: Alu, a: bool, b: bool) -> bool {
    match alu {
        Alu::Add if on(Bug::AlignmentForgotten) => true,
        Alu::Add | Alu::Sub | Alu::Rsb | Alu::Orr | Alu::Eor => a && b,
        Alu::And => a || b,
        Alu::Bic => a,
        Alu::Mov => b,
        Alu::Mvn | Alu::Adc | Alu::Sbc | Alu::Orn => false,
    }
}

/// Whether a word of a literal pool is a multiple of four: a symbol's address and what is added to it.
fn pool(section: &Section, at: i64) -> bool {
    let Ok(at) = u32::try_from(at) else {
        return false;
    };
    let word = section.word(at).is_some_and(|w| w & 3 == 0);
    word && section.targets.get(&at).is_none_or(|t| t.aligned)
}
