//! What an instruction reads and writes.
//!
//! In: an [`Inst`]. Out: registers and whether the flags are read or written, derived from roles, meaning and list.
//! Invariant: whatever the executor reads or writes is named here; SP of PUSH and POP and LR of a call too. PC
//! is named only where an operand or a list names it. What VCMP leaves for VMRS is in [`Reg::FPSCR`]. A call's effects are those of the instruction, not of the
//! function called. A conditional instruction may leave what it writes as it was.
//! Checked by running random instructions and comparing states.

use super::{Cond, Inst, Op, Reg, RegSet, Role, Sem, Vfp};
use crate::seeded::{Bug, on};

/// What an operation uses and changes beside its operands.
struct Implied {
    reads: RegSet,
    writes: RegSet,
    /// What it does with the list.
    list: Role,
    /// Whether a flag is an input: the carry of a sum, or what a selection asks.
    flags: bool,
}

const fn implied(sem: Sem) -> Implied {
    let (sp, lr, none) = (RegSet::of(Reg::SP), RegSet::of(Reg::LR), RegSet::EMPTY);
    let fpscr = RegSet::of(Reg::FPSCR);
    let (reads, writes, list, flags) = match sem {
        Sem::Push => (sp, sp, Role::Use, false),
        Sem::Pop => (sp, sp, Role::Def, false),
        Sem::StoreMany { .. } => (none, none, Role::Use, false),
        Sem::LoadMany { .. } => (none, none, Role::Def, false),
        Sem::Call | Sem::CallReg => (none, lr, Role::Use, false),
        Sem::AluI(alu) | Sem::AluR(alu) => (none, none, Role::Use, alu.reads_carry()),
        Sem::Rrx => (none, none, Role::Use, true),
        Sem::TestI(_) | Sem::TestR(_) | Sem::Movt | Sem::ShiftI(_) | Sem::ShiftR(_) => {
            (none, none, Role::Use, false)
        }
        Sem::Mul | Sem::Mla | Sem::Mls | Sem::MulLong { .. } | Sem::Umaal | Sem::Smmul => {
            (none, none, Role::Use, false)
        }
        Sem::Div { .. } | Sem::MulHalf { .. } | Sem::Clz | Sem::Rbit | Sem::Rev => {
            (none, none, Role::Use, false)
        }
        Sem::Rev16 | Sem::Revsh | Sem::Extend(_) | Sem::ExtendAdd(_) | Sem::Saturate { .. } => {
            (none, none, Role::Use, false)
        }
        Sem::FieldGet { .. } | Sem::FieldPut | Sem::FieldClear | Sem::Load(..) | Sem::Store(..) => {
            (none, none, Role::Use, false)
        }
        Sem::Adr | Sem::LoadDual | Sem::StoreDual | Sem::Branch | Sem::BranchReg => {
            (none, none, Role::Use, false)
        }
        Sem::CompareBranch { .. } | Sem::TableBranch { .. } => (none, none, Role::Use, false),
        Sem::It | Sem::Nop | Sem::Udf | Sem::Bkpt => (none, none, Role::Use, false),
        Sem::Vfp(Vfp::Push) => (sp, sp, Role::Use, false),
        Sem::Vfp(Vfp::Pop) => (sp, sp, Role::Def, false),
        Sem::Vfp(Vfp::Compare(_) | Vfp::CompareZero(_)) => (none, fpscr, Role::Use, false),
        Sem::Vfp(Vfp::Flags) => (fpscr, none, Role::Use, false),
        Sem::Vfp(Vfp::Select(..)) => (none, none, Role::Use, true),
        Sem::Vfp(Vfp::Arith(..) | Vfp::Sqrt(_) | Vfp::Neg(_) | Vfp::Abs(_) | Vfp::Move(_)) => {
            (none, none, Role::Use, false)
        }
        Sem::Vfp(Vfp::Const(_) | Vfp::Round(..) | Vfp::ToInt { .. } | Vfp::FromInt { .. }) => {
            (none, none, Role::Use, false)
        }
        Sem::Vfp(Vfp::Widen | Vfp::Narrow | Vfp::FromCore | Vfp::ToCore | Vfp::FromPair) => {
            (none, none, Role::Use, false)
        }
        Sem::Vfp(Vfp::ToPair | Vfp::Load(..) | Vfp::Store(_)) => (none, none, Role::Use, false),
    };
    Implied {
        reads,
        writes,
        list,
        flags,
    }
}

/// Registers named as operands in this role or tied.
fn named(inst: &Inst, plain: Role) -> RegSet {
    let mut set = RegSet::EMPTY;
    for (role, reg) in inst.op.roles().iter().zip(inst.regs) {
        if *role == plain || *role == Role::Tied {
            set.insert(reg);
        }
    }
    set
}

/// Registers whose values the instruction uses.
pub fn reads(inst: &Inst) -> RegSet {
    let implied = implied(inst.op.sem());
    let list = if implied.list == Role::Use {
        inst.list
    } else {
        RegSet::EMPTY
    };
    named(inst, Role::Use).or(implied.reads).or(list)
}

/// Registers that the instruction may change.
pub fn writes(inst: &Inst) -> RegSet {
    let implied = implied(inst.op.sem());
    let list = if implied.list == Role::Def {
        inst.list
    } else {
        RegSet::EMPTY
    };
    named(inst, Role::Def).or(implied.writes).or(list)
}

/// By operation: whether a flag is an input, and whether it is a comparison.
const FLAGS: [(bool, bool); Op::ALL.len()] = {
    let mut flags = [(false, false); Op::ALL.len()];
    let mut i = 0;
    while i < Op::ALL.len() {
        let sem = Op::ALL[i].sem();
        flags[i] = (implied(sem).flags, sem.is_test());
        i += 1;
    }
    flags
};

/// Whether the result depends on a flag: by the condition, or as an operand.
pub fn reads_flags(inst: &Inst) -> bool {
    let lost = on(Bug::SelectReadsNothing) && matches!(inst.op.sem(), Sem::Vfp(_));
    FLAGS[inst.op as usize].0 && !lost || (inst.cond != Cond::Al && inst.op != Op::It)
}

/// Whether it may change a flag. Some leave C or V as they were.
pub fn writes_flags(inst: &Inst) -> bool {
    inst.s || FLAGS[inst.op as usize].1
}
