//! What an instruction reads and writes.
//!
//! In: an [`Inst`]. Out: registers and whether the flags are read or written, derived from roles, meaning and list.
//! Invariant: whatever the executor reads or writes is named here; SP of PUSH and POP and LR of a call too. PC
//! is named only where an operand or a list names it. A call's effects are those of the instruction, not of the
//! function called. A conditional instruction may leave what it writes as it was.
//! Checked by running random instructions and comparing states.

use super::{Cond, Inst, Op, Reg, RegSet, Role, Sem};

/// What an operation uses and changes beside its operands.
struct Implied {
    reads: RegSet,
    writes: RegSet,
    /// What it does with the list.
    list: Role,
    /// Whether the carry flag is an input.
    carry: bool,
}

const fn implied(sem: Sem) -> Implied {
    let (sp, lr, none) = (RegSet::of(Reg::SP), RegSet::of(Reg::LR), RegSet::EMPTY);
    let (reads, writes, list, carry) = match sem {
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
    };
    Implied {
        reads,
        writes,
        list,
        carry,
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

/// By operation: whether the carry flag is an input, and whether it is a comparison.
const FLAGS: [(bool, bool); Op::ALL.len()] = {
    let mut flags = [(false, false); Op::ALL.len()];
    let mut i = 0;
    while i < Op::ALL.len() {
        let sem = Op::ALL[i].sem();
        flags[i] = (implied(sem).carry, sem.is_test());
        i += 1;
    }
    flags
};

/// Whether the result depends on a flag: by the condition, or by the carry as an operand.
pub fn reads_flags(inst: &Inst) -> bool {
    FLAGS[inst.op as usize].0 || (inst.cond != Cond::Al && inst.op != Op::It)
}

/// Whether it may change a flag. Some leave C or V as they were.
pub fn writes_flags(inst: &Inst) -> bool {
    inst.s || FLAGS[inst.op as usize].1
}
