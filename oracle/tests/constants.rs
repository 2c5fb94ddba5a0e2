//! Every operator of two operands with every constant of a list on either side, as a value and as a condition, where nothing
//! folds it and where everything may. Random modules draw operator, constant, side and level each by itself, so that
//! one of them, at one level, is seldom made.

use thumbsmith::{Level, Options};
use thumbsmith_oracle::check::{Ask, Judge};
use thumbsmith_oracle::generate::draft;
use thumbsmith_oracle::generate::table::{NAMES, ROWS, Row};
use thumbsmith_oracle::plan;
use thumbsmith_oracle::program::{Info, Ty};
use wasm_encoder::{
    BlockType, CodeSection, ExportKind, ExportSection, Function, FunctionSection, Instruction,
    Module, TypeSection, ValType,
};

/// Calls of each function.
const CALLS: usize = 6;

fn constants(ty: Ty) -> Vec<i64> {
    let (least, bits) = match ty.words() {
        1 => (i64::from(i32::MIN), 32),
        _ => (i64::MIN, 64),
    };
    let most = !least;
    let ends = [least, least + 1, most - 1, most];
    let near = [-256, -2, -1, 0, 1, 2, 255, 256, 4095, 0xffff, 0x1_0000];
    let widths = [bits - 1, bits, bits + 1];
    ends.into_iter().chain(near).chain(widths).collect()
}

/// The operator over its parameter and a constant on one side; as a condition it chooses between two numbers.
fn function(row: &Row, constant: i64, left: bool, condition: bool) -> Function {
    let mut f = Function::new([]);
    let number = draft::constant(row.operands[0], constant as u64);
    let operands = match left {
        true => [number, Instruction::LocalGet(0)],
        false => [Instruction::LocalGet(0), number],
    };
    operands.iter().for_each(|i| {
        f.instruction(i);
    });
    f.instruction(&row.instruction);
    if condition {
        f.instruction(&Instruction::If(BlockType::Result(ValType::I32)));
        f.instruction(&Instruction::I32Const(77));
        f.instruction(&Instruction::Else);
        f.instruction(&Instruction::I32Const(-5));
        f.instruction(&Instruction::End);
    }
    f.instruction(&Instruction::End);
    f
}

/// A module of all functions about one operator.
fn module(row: &Row) -> Vec<u8> {
    let (mut types, mut functions) = (TypeSection::new(), FunctionSection::new());
    let (mut exports, mut code) = (ExportSection::new(), CodeSection::new());
    for result in [row.result, Ty::I32] {
        let params = [draft::val_type(row.operands[0])];
        types.ty().function(params, [draft::val_type(result)]);
    }
    let conditions: &[bool] = match row.result {
        Ty::I32 => &[false, true],
        Ty::I64 | Ty::F32 | Ty::F64 => &[false],
    };
    let mut number = 0;
    for constant in constants(row.operands[0]) {
        for left in [false, true] {
            for &condition in conditions {
                functions.function(u32::from(condition));
                exports.export(&format!("f{number}"), ExportKind::Func, number);
                code.function(&function(row, constant, left, condition));
                number += 1;
            }
        }
    }
    let mut module = Module::new();
    module.section(&types).section(&functions);
    module.section(&exports).section(&code);
    module.finish()
}

#[test]
fn operators_with_constants() {
    let mut judge = Judge::new().expect("engines start");
    let mut operators = 0;
    let binary = ROWS.iter().zip(NAMES).filter(|(row, _)| {
        let [a, b] = row.operands else { return false };
        a == b
    });
    for (row, name) in binary {
        operators += 1;
        let wasm = module(row);
        let info = Info::read(&wasm).expect("it is valid");
        let steps = plan::steps(&info, &wasm, 1, CALLS, None);
        for level in [Level::O0, Level::O2] {
            let options = Options {
                level,
                name: "m".into(),
                verify: true,
                ..Options::default()
            };
            if let Err(report) = judge.judge(name, &wasm, &options, &steps, Ask::THOROUGH) {
                panic!("{report}");
            }
        }
    }
    let executions = judge.counts.tally.executions;
    println!("{operators} operators, {executions} executions");
    assert!(operators >= 50 && executions > 20_000);
}
