//! Operators on floats by the ten million: each row of `ir/floats.rs`, as Thumb-2, against the host.
//!
//! In: a CPU, a row, and how many operands. Out: what was compared, or the first result that is wrong. A module with one loop
//! applies the operator to memory full of operands; unicorn runs what the compiler makes of it, and every result must have the
//! bits that the row computes. Operands come from what generators draw for their types, the second often
//! beside the first; of one operand of 32 bits there can be all. Invariant: a result that was not written differs.

use crate::arm::machine::Machine;
use crate::arm::unicorn::UnicornCore;
use crate::engine::{Engine, Outcome};
use crate::generate::draw::Draw;
use crate::program::{Info, Program, Ty};
use crate::random::Random;
use rayon::prelude::*;
use std::time::Duration;
use thumbsmith::ir::Fp;
use thumbsmith::ir::floats::{ALL, Row};
use thumbsmith::{Cpu, Level, Options, ir};

/// Operands of one call: so few that no two columns share a place in the simulator's TLB, which misses twice an operand otherwise.
const BATCH: usize = 1 << 12;
/// Bytes of an operand or result in memory.
const SLOT: usize = 8;
/// The column of memory where results are, behind those of the operands.
const RESULTS: usize = 2;
/// Bytes of decisions for the operands of one application.
const DRAWN: usize = 24;
/// After how much a call counts as endless.
const PATIENCE: Duration = Duration::from_secs(60);

/// Which operands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operands {
    /// So many that are drawn.
    Drawn(u64),
    /// Every one: for rows of one operand of 32 bits.
    Every,
}

/// An operator in a loop, compiled and loaded.
struct Sweep {
    row: &'static Row,
    machine: Machine<UnicornCore>,
}

/// Applies a row to operands, and compares. Gives how many results were compared.
///
/// # Errors
/// Text with the operands and both results; or why nothing can be compared.
pub fn judge(fp: Fp, cpu: Cpu, operands: Operands) -> Result<u64, String> {
    let row = fp.row();
    let mut sweep = Sweep::new(row, cpu)?;
    let total = match operands {
        Operands::Drawn(n) => n,
        Operands::Every if is_exhaustible(fp) => 1 << 32,
        Operands::Every => return Err(format!("{} has more operands than can be tried", row.name)),
    };
    let mut random = Random::new(fp as u64);
    let mut done = 0;
    while done < total {
        let list: Vec<[u64; 2]> = match operands {
            Operands::Drawn(_) => drawn(row, &random.bytes(BATCH * DRAWN)),
            Operands::Every => (done..done + BATCH as u64).map(|x| [x, 0]).collect(),
        };
        sweep.batch(&list)?;
        done += BATCH as u64;
    }
    Ok(done)
}

/// Judges every row, and with `every` all operands of those that have one of 32 bits, on all cores. Gives for each row how many
/// results were compared, or what was wrong.
pub fn judge_all(cpu: Cpu, drawn: u64, every: bool) -> Vec<(&'static str, Result<u64, String>)> {
    let judged = |&fp: &Fp| {
        let first = judge(fp, cpu, Operands::Drawn(drawn));
        let rest = match every && is_exhaustible(fp) {
            true => judge(fp, cpu, Operands::Every),
            false => Ok(0),
        };
        let both = first.and_then(|a| Ok(a + rest?));
        (fp.row().name, both)
    };
    ALL.par_iter().map(judged).collect()
}

/// Whether all operands of a row can be tried.
pub fn is_exhaustible(fp: Fp) -> bool {
    fp.row().operands == [ir::Ty::F32]
}

/// Operands for one batch.
fn drawn(row: &Row, bytes: &[u8]) -> Vec<[u64; 2]> {
    let one = |bytes: &[u8]| {
        let mut draw = Draw::new(bytes);
        let types = [0, 1].map(|i| Ty::of(*row.operands.get(i).unwrap_or(&row.operands[0])));
        let first = draw.value(types[0]);
        // Sums that cancel, quotients near one, comparisons that hold by a hair.
        let second = match draw.below(8) {
            0 => first,
            1 => first ^ 1 << (32 * types[0].words() - 1),
            2 => first.wrapping_add(draw.below(5) as u64).wrapping_sub(2),
            _ => draw.value(types[1]),
        };
        [first, types[1].wrap(second)]
    };
    bytes.chunks_exact(DRAWN).map(one).collect()
}

impl Sweep {
    fn new(row: &'static Row, cpu: Cpu) -> Result<Sweep, String> {
        let options = Options {
            cpu,
            level: Level::O2,
            name: "m".into(),
            ..Options::default()
        };
        let wasm = wat::parse_str(text(row)).map_err(|e| e.to_string())?;
        let object = thumbsmith::compile(&wasm, &options)
            .map_err(|e| e.to_string())?
            .object;
        let program = Program {
            info: Info::read(&wasm)?,
            wasm,
            object,
            options,
            memory_limit: None,
        };
        let mut machine = Machine::new(UnicornCore::new(cpu, PATIENCE)?);
        machine.load(&program)?;
        match machine.instantiate() {
            Outcome::Returned(_) => Ok(Sweep { row, machine }),
            other => Err(other.to_string()),
        }
    }

    fn batch(&mut self, list: &[[u64; 2]]) -> Result<(), String> {
        for i in 0..self.row.operands.len() {
            self.put(i, list.iter().map(|o| o[i]));
        }
        let expected: Vec<u64> = list.iter().map(|o| self.expected(o)).collect();
        // What is not written stays wrong.
        self.put(RESULTS, expected.iter().map(|e| !e));
        match self.machine.call(0, &[(list.len() * SLOT) as u64]) {
            Outcome::Returned(_) => {}
            other => return Err(format!("{}: {other}", self.row.name)),
        }
        let (name, result) = (self.row.name, Ty::of(self.row.result));
        let results = &self.machine.memory(0)[RESULTS * BATCH * SLOT..];
        let results = results
            .as_chunks::<SLOT>()
            .0
            .iter()
            .map(|c| u64::from_le_bytes(*c));
        for ((operands, expected), got) in list.iter().zip(expected).zip(results) {
            let got = result.wrap(got);
            if got != expected {
                let [a, b] = operands;
                return Err(format!("{name} {a:#x} {b:#x}: {got:#x}, not {expected:#x}"));
            }
        }
        Ok(())
    }

    /// Fills a column: an operand's, or that of the results.
    fn put(&mut self, column: usize, values: impl Iterator<Item = u64>) {
        let mut bytes = Vec::with_capacity(BATCH * SLOT);
        values.for_each(|v| bytes.extend_from_slice(&v.to_le_bytes()));
        self.machine
            .write_memory((column * BATCH * SLOT) as u32, &bytes);
    }

    fn expected(&self, operands: &[u64; 2]) -> u64 {
        let bits = (self.row.eval)(&operands[..self.row.operands.len()]);
        Ty::of(self.row.result).wrap(bits)
    }
}

/// The module of a row: its first operands begin at 0, the second behind, results behind those.
fn text(row: &Row) -> String {
    let name = |ty: ir::Ty| Ty::of(ty).name();
    let load = |(i, ty): (usize, &ir::Ty)| {
        let at = i * BATCH * SLOT;
        format!("({}.load offset={at} (local.get $i))", name(*ty))
    };
    let operands: String = row.operands.iter().enumerate().map(load).collect();
    let (operator, result, at) = (row.name, name(row.result), RESULTS * BATCH * SLOT);
    format!(
        r#"(module (memory (export "memory") {pages} {pages})
          (func (export "sweep") (param $end i32) (local $i i32)
            (loop $next
              ({result}.store offset={at} (local.get $i) ({operator} {operands}))
              (local.set $i (i32.add (local.get $i) (i32.const {SLOT})))
              (br_if $next (i32.lt_u (local.get $i) (local.get $end))))))"#,
        pages = ((RESULTS + 1) * BATCH * SLOT).div_ceil(65536),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_of_each_operator_is_right() {
        for &fp in ALL {
            let drawn = Operands::Drawn(BATCH as u64);
            judge(fp, Cpu::CortexM3, drawn).unwrap_or_else(|e| panic!("{e}"));
        }
        assert!(ALL.iter().filter(|fp| is_exhaustible(**fp)).count() >= 10);
    }
}
