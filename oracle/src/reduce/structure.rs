//! The structure of function bodies: which runs of operators are one expression or one statement.
//!
//! In: a valid module. Out: [`Segment`]s, largest first: runs that take nothing from the operand stack and leave one value or
//! none, with the runs among their operands that could stand in their place. Replacing a segment by something of its
//! type keeps the module valid, so that few tests are wasted, and taking large ones first makes few tests enough.
//! Invariant: positions count the operators of a body in order, as [`super::edit`] does.

use crate::program;
use wasmparser::{
    FuncToValidate, FuncValidatorAllocations, FunctionBody, Operator, OperatorsReader, Parser,
    ValType, ValidPayload, ValidatorResources,
};

/// A run of operators of one function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Number of the function's body.
    pub body: usize,
    /// First operator.
    pub from: usize,
    /// One past its last.
    pub to: usize,
    /// The type of the value that it leaves; `None` if it leaves none.
    pub ty: Option<ValType>,
    /// Runs within it that leave a value of the same type and that nothing else was computed from.
    pub parts: Vec<(usize, usize)>,
}

/// A value on the operand stack: where the run that made it starts and ends.
#[derive(Clone, Copy)]
struct Made {
    from: usize,
    to: usize,
    ty: ValType,
}

/// All segments of a module's functions, largest first; nothing if the module is not valid.
pub fn segments(wasm: &[u8]) -> Vec<Segment> {
    let mut out = Vec::new();
    let mut validator = program::validator();
    let mut body = 0;
    for payload in Parser::new(0).parse_all(wasm).map_while(Result::ok) {
        match validator.payload(&payload) {
            Ok(ValidPayload::Func(func, code)) => {
                // A body that is not valid has no segments; the module is then of no use either.
                let _ = function(func, &code, body, &mut out);
                body += 1;
            }
            Ok(_) => {}
            Err(_) => return Vec::new(),
        }
    }
    out.sort_by_key(|s| (std::cmp::Reverse(s.to - s.from), s.body, s.from));
    out
}

fn function(
    func: FuncToValidate<ValidatorResources>,
    code: &FunctionBody<'_>,
    body: usize,
    out: &mut Vec<Segment>,
) -> wasmparser::Result<()> {
    let mut validator = func.into_validator(FuncValidatorAllocations::default());
    let mut reader = code.get_binary_reader();
    validator.read_locals(&mut reader)?;
    // What each open block's run starts with, and how many values lay below it.
    let mut frames: Vec<(usize, usize)> = Vec::new();
    let mut stack: Vec<Made> = Vec::new();
    let mut at = 0;
    let mut reader = OperatorsReader::new(reader);
    while !reader.eof() {
        let (operator, offset) = reader.read_with_offset()?;
        let arity = operator.operator_arity(&validator.visitor(offset));
        let before = validator.operand_stack_height() as usize;
        validator.op(offset, &operator)?;
        let after = validator.operand_stack_height() as usize;
        let (pops, _) = arity.unwrap_or((0, 0));
        let mut operands = stack.split_off(stack.len().saturating_sub(pops as usize));
        let mut from = operands.first().map_or(at, |m| m.from);
        let ends_function = frames.is_empty() && matches!(operator, Operator::End);
        match operator {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                frames.push((from, stack.len()));
            }
            Operator::Else | Operator::End => {
                let (start, height) = frames.last().copied().unwrap_or((0, 0));
                from = start;
                stack.truncate(height);
                operands.clear();
                if matches!(operator, Operator::End) {
                    frames.pop();
                }
            }
            _ => {}
        }
        // Code that cannot be reached has operands out of nothing: what was known of the stack ends there.
        stack.truncate(after.min(before));
        let opens = matches!(
            operator,
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } | Operator::Else
        );
        let made = after.saturating_sub(stack.len());
        for depth in (0..made).rev() {
            let ty = validator.get_operand_type(depth).flatten();
            let ty = ty.unwrap_or(ValType::I32);
            let start = if opens { at } else { from };
            stack.push(Made {
                from: start,
                to: at + 1,
                ty,
            });
        }
        if !opens && made <= 1 && !ends_function {
            let ty = (made == 1).then(|| stack[stack.len() - 1].ty);
            let parts = operands.iter().filter(|m| Some(m.ty) == ty);
            out.push(Segment {
                body,
                from,
                to: at + 1,
                ty,
                parts: parts.map(|m| (m.from, m.to)).collect(),
            });
        }
        at += 1;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_and_statements_are_found() {
        let wasm = wat::parse_str(
            "(module (memory 1) (func (param i32) (result i32)
               (i32.store (local.get 0) (i32.const 1))
               (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 2)) (else (i32.const 3)))
               (i32.add (i32.const 4))))",
        )
        .expect("text parses");
        let all = segments(&wasm);
        let found = |from, to| all.iter().find(|s| (s.from, s.to) == (from, to));
        // local.get const store | local.get eqz if const else const end const add | end
        let store = found(0, 3).expect("the store is a statement");
        assert_eq!(store.ty, None);
        let sum = found(3, 12).expect("the sum is an expression");
        assert_eq!(sum.ty, Some(ValType::I32));
        assert_eq!(sum.parts, [(3, 10), (10, 11)], "the `if` and the constant");
        assert!(found(3, 10).is_some() && found(3, 5).is_some() && found(6, 7).is_some());
        assert!(
            all.windows(2)
                .all(|p| p[0].to - p[0].from >= p[1].to - p[1].from)
        );
    }
}
