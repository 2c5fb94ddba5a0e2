//! Unicorn as a core: fast, translated, one long-lived engine for each thread and CPU.
//!
//! In: registers and mapped memory. Out: why it stopped. Invariants: the region buffers are mapped into the engine by
//! address, so the host sees memory without copying; the translation cache is dropped on every
//! [`attach`](Core::attach), since unicorn goes on running old code otherwise; only triage installs a hook (of code), since
//! hooks cost and a read hook inside an IT block breaks. Endless loops are ended from outside by one watchdog
//! thread, since unicorn's own timeout costs 700 us a call.
//!
//! `Mode::THUMB` with a CPU model, never `MCLASS`: that would silently force a Cortex-M33. What this core does not
//! notice: LDRD, STRD, LDM, STM at unaligned addresses, and DSP instructions on a Cortex-M3.

use super::memory::{Kind, Memory};
use super::{Core, PC, Regs, Stop};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};
use thumbsmith::Cpu;
use thumbsmith::options::Feature;
use unicorn_engine::{
    Arch, ArmCpuModel, HookType, Mode, Prot, RegisterARM, Unicorn, uc_engine, uc_error,
};

/// Unicorn with one CPU model.
pub struct UnicornCore {
    engine: Unicorn<'static, ()>,
    cpu: Cpu,
    /// Whether programs have an FPU; without, its registers cost nothing.
    fpu: bool,
    mapped: [Mapped; 5],
    generation: u64,
    slot: Arc<Slot>,
    limit: Duration,
}

/// What the watchdog sees of one engine.
struct Slot {
    /// Milliseconds since the watchdog's start at which the current run must end; 0 if none runs.
    deadline: AtomicU64,
    fired: AtomicBool,
    engine: Mutex<Handle>,
}

/// The engine's address, null once it is gone.
struct Handle(*mut uc_engine);
// SAFETY: the watchdog passes it to `uc_emu_stop` only, which unicorn's own timeout thread calls the same way, and
// only under the slot's lock, which `drop` takes before the engine goes.
unsafe impl Send for Handle {}

struct Watchdog {
    start: Instant,
    slots: Mutex<Vec<Weak<Slot>>>,
}

fn watchdog() -> &'static Watchdog {
    static WATCHDOG: OnceLock<Watchdog> = OnceLock::new();
    WATCHDOG.get_or_init(|| {
        std::thread::spawn(|| {
            loop {
                std::thread::sleep(Duration::from_millis(50));
                watchdog().tick();
            }
        });
        Watchdog {
            start: Instant::now(),
            slots: Mutex::new(Vec::new()),
        }
    })
}

impl Watchdog {
    fn now(&self) -> u64 {
        self.start.elapsed().as_millis() as u64 + 1
    }

    fn tick(&self) {
        let now = self.now();
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|weak| {
            let Some(slot) = weak.upgrade() else {
                return false;
            };
            let deadline = slot.deadline.load(Ordering::SeqCst);
            if deadline != 0 && now > deadline {
                let engine = slot.engine.lock().unwrap_or_else(PoisonError::into_inner);
                if !engine.0.is_null() {
                    slot.fired.store(true, Ordering::SeqCst);
                    // SAFETY: the engine lives as long as the lock is held and the handle is not null.
                    unsafe { unicorn_engine::uc_emu_stop(engine.0) };
                }
            }
            true
        });
    }
}

/// Unicorn's numbers of r0 to r15.
pub(crate) const NUMBERS: [RegisterARM; 16] = [
    RegisterARM::R0,
    RegisterARM::R1,
    RegisterARM::R2,
    RegisterARM::R3,
    RegisterARM::R4,
    RegisterARM::R5,
    RegisterARM::R6,
    RegisterARM::R7,
    RegisterARM::R8,
    RegisterARM::R9,
    RegisterARM::R10,
    RegisterARM::R11,
    RegisterARM::R12,
    RegisterARM::SP,
    RegisterARM::LR,
    RegisterARM::PC,
];

/// Unicorn's number of d0, behind which the other registers of the FPU are.
const D0: i32 = RegisterARM::D0 as i32;

/// SFPA and FPCA of CONTROL: there is a floating-point context (Arm v8-M manual, D1.2.25). Without, the first instruction of the
/// FPU makes one, and FPSCR what FPDSCR has.
const CONTEXT: u64 = 0xc;

/// A range of addresses that the engine has, and the host's buffer behind it.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct Mapped {
    base: u64,
    size: u64,
    host: u64,
}

/// An engine that models `cpu`, with nothing mapped.
///
/// # Errors
/// Those of unicorn.
pub(crate) fn open(cpu: Cpu) -> Result<Unicorn<'static, ()>, uc_error> {
    let model = match cpu {
        Cpu::CortexM3 => ArmCpuModel::CORTEX_M3,
        Cpu::CortexM4 | Cpu::CortexM4F => ArmCpuModel::CORTEX_M4,
        Cpu::CortexM7 | Cpu::CortexM7F => ArmCpuModel::CORTEX_M7,
        Cpu::CortexM33 | Cpu::CortexM33F => ArmCpuModel::CORTEX_M33,
    };
    let mut engine = Unicorn::new(Arch::ARM, Mode::THUMB)?;
    engine.ctl_set_cpu_model(model as i32)?;
    if cpu.has(Feature::Fpv4Sp) {
        engine.reg_write(RegisterARM::CONTROL, CONTEXT)?;
    }
    Ok(engine)
}

/// What an engine holds; of an FPU too if `fpu`.
fn registers(engine: &Unicorn<'_, ()>, fpu: bool) -> Regs {
    let mut regs = Regs::default();
    for (number, value) in NUMBERS.iter().zip(&mut regs.r) {
        *value = engine.reg_read(*number).unwrap_or(0) as u32;
    }
    if fpu {
        regs.s = singles(engine).unwrap_or_default();
    }
    regs
}

/// Writes s0-s31 and FPSCR of an engine.
///
/// # Errors
/// Those of unicorn.
pub(crate) fn set_fpu(
    engine: &mut Unicorn<'_, ()>,
    s: &[u32; 32],
    fpscr: u32,
) -> Result<(), uc_error> {
    for (n, pair) in s.chunks_exact(2).enumerate() {
        let bits = u64::from(pair[1]) << 32 | u64::from(pair[0]);
        engine.reg_write(D0 + n as i32, bits)?;
    }
    engine.reg_write(RegisterARM::FPSCR, u64::from(fpscr))
}

/// s0-s31 of an engine.
///
/// # Errors
/// Those of unicorn.
pub(crate) fn singles(engine: &Unicorn<'_, ()>) -> Result<[u32; 32], uc_error> {
    let mut s = [0; 32];
    for (n, pair) in s.chunks_exact_mut(2).enumerate() {
        let bits = engine.reg_read(D0 + n as i32)?;
        (pair[0], pair[1]) = (bits as u32, (bits >> 32) as u32);
    }
    Ok(s)
}

/// Registers before each instruction that a watched core ran, since the list was last cleared.
pub type Seen = Rc<RefCell<Vec<Regs>>>;

/// Address of the last access that met nothing mapped.
pub type Missed = Rc<Cell<Option<u32>>>;

/// Instructions after which no more are written down.
const MOST_SEEN: usize = 200_000;

impl UnicornCore {
    /// A core that models `cpu` and gives up on a run after `limit`.
    ///
    /// # Errors
    /// Text of unicorn.
    pub fn new(cpu: Cpu, limit: Duration) -> Result<UnicornCore, String> {
        let engine = open(cpu).map_err(|e| format!("unicorn: {e}"))?;
        let slot = Arc::new(Slot {
            deadline: AtomicU64::new(0),
            fired: AtomicBool::new(false),
            engine: Mutex::new(Handle(engine.get_handle())),
        });
        watchdog()
            .slots
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::downgrade(&slot));
        Ok(UnicornCore {
            engine,
            cpu,
            fpu: cpu.has(Feature::Fpv4Sp),
            mapped: [Mapped::default(); 5],
            generation: 0,
            slot,
            limit,
        })
    }

    /// A core that besides writes down the registers before every instruction, PC among them. Slow, for triage only.
    ///
    /// # Errors
    /// Text of unicorn.
    pub fn watched(cpu: Cpu, limit: Duration) -> Result<(UnicornCore, Seen), String> {
        let mut core = UnicornCore::new(cpu, limit)?;
        let seen = Seen::default();
        let list = Rc::clone(&seen);
        let fpu = core.fpu;
        let note = move |engine: &mut Unicorn<'_, ()>, pc: u64, _: u32| {
            let mut regs = registers(engine, fpu);
            regs[PC] = pc as u32;
            let mut list = list.borrow_mut();
            if list.len() < MOST_SEEN {
                list.push(regs);
            }
        };
        let hooked = core.engine.add_code_hook(1, 0, note);
        hooked.map_err(|e| format!("unicorn: {e}"))?;
        Ok((core, seen))
    }

    /// A core that besides writes down at which address an access met nothing that is mapped, or not for writing. The hook runs
    /// at a fault only, so it costs nothing.
    ///
    /// # Errors
    /// Text of unicorn.
    pub fn pointing(cpu: Cpu, limit: Duration) -> Result<(UnicornCore, Missed), String> {
        let mut core = UnicornCore::new(cpu, limit)?;
        let missed = Missed::default();
        let cell = Rc::clone(&missed);
        let note = move |_: &mut Unicorn<'_, ()>, _, address: u64, _, _| {
            cell.set(Some(address as u32));
            false
        };
        let hooked = core.engine.add_mem_hook(HookType::MEM_INVALID, 1, 0, note);
        hooked.map_err(|e| format!("unicorn: {e}"))?;
        Ok((core, missed))
    }

    /// Gives up on runs after this time from here on.
    pub fn set_limit(&mut self, limit: Duration) {
        self.limit = limit;
    }

    fn map(&mut self, memory: &mut Memory) -> Result<(), uc_error> {
        for kind in Kind::ALL {
            let region = memory.region(kind);
            let (base, size) = (u64::from(memory.map().base(kind)), region.size() as u64);
            let new = Mapped {
                base,
                size,
                host: region.pointer() as u64,
            };
            let old = self.mapped[kind as usize];
            if old == new {
                // Each new mapping of code costs unicorn page descriptors that it never frees.
                continue;
            }
            if old.size > 0 {
                self.engine.mem_unmap(old.base, old.size)?;
                self.mapped[kind as usize] = Mapped::default();
            }
            if size > 0 {
                let rights = if kind.writable() {
                    Prot::READ | Prot::WRITE
                } else {
                    Prot::READ | Prot::EXEC
                };
                // SAFETY: the buffer is `size` bytes long and lives until the next generation, before which
                // nothing runs; it is unmapped here before the engine runs again.
                unsafe {
                    self.engine
                        .mem_map_ptr(base, size, rights, region.pointer().cast())?
                };
            }
            self.mapped[kind as usize] = new;
        }
        self.generation = memory.generation();
        Ok(())
    }

    fn start(&mut self, pc: u32, until: u32) -> Result<(), uc_error> {
        self.engine
            .emu_start(u64::from(pc | 1), u64::from(until), 0, 0)
    }

    /// What an invalid instruction at `pc` was.
    fn undefined(memory: &Memory, pc: u32) -> Stop {
        match (memory.half(pc), memory.half(pc + 2)) {
            // UDF, encodings T1 and T2 (Arm v7-M manual, A7.7.194).
            (Some(h), _) if h >> 8 == 0xde => Stop::Udf(h & 0xff),
            (Some(h), Some(l)) if h >> 4 == 0xf7f && l >> 12 == 0xa => {
                Stop::Udf((h & 15) << 12 | (l & 0xfff))
            }
            (Some(h), l) => Stop::Fault(format!(
                "invalid instruction {h:04x} {:04x} at {pc:#x}",
                l.unwrap_or(0)
            )),
            (None, _) => Stop::Fault(format!("invalid instruction at unmapped {pc:#x}")),
        }
    }
}

impl Drop for UnicornCore {
    fn drop(&mut self) {
        self.slot
            .engine
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .0 = std::ptr::null_mut();
    }
}

impl Core for UnicornCore {
    fn name(&self) -> String {
        format!("unicorn {}", self.cpu.name())
    }

    fn attach(&mut self, memory: &mut Memory) -> Result<(), String> {
        let text = |e: uc_error| format!("unicorn: {e}");
        if self.generation != memory.generation() {
            self.map(memory).map_err(text)?;
        }
        self.engine.ctl_flush_tb().map_err(text)
    }

    fn run(&mut self, regs: &mut Regs, memory: &mut Memory, until: u32) -> Stop {
        debug_assert_eq!(self.generation, memory.generation());
        // Flags are junk and no IT block is pending, whatever the last run left behind: a trap inside an IT
        // block leaves its state in the status register.
        let flags = u64::from(regs[12] & 0xf800_0000) | 0x0100_0000;
        let mut written = self.engine.reg_write(RegisterARM::XPSR, flags);
        for (number, value) in NUMBERS.iter().zip(regs.r).take(15) {
            written = written.and(self.engine.reg_write(*number, u64::from(value)));
        }
        if self.fpu {
            written = written.and(set_fpu(&mut self.engine, &regs.s, regs.fpscr()));
        }
        if let Err(e) = written {
            return Stop::Fault(format!("unicorn: {e}"));
        }
        self.slot.fired.store(false, Ordering::SeqCst);
        let deadline = watchdog().now() + self.limit.as_millis() as u64;
        self.slot.deadline.store(deadline, Ordering::SeqCst);
        let mut pc = regs[PC];
        let mut result = self.start(pc, until);
        let mut timeout = false;
        loop {
            pc = self.engine.reg_read(RegisterARM::PC).unwrap_or(0) as u32 & !1;
            if result.is_err() || pc == until {
                break;
            }
            if self.slot.fired.load(Ordering::SeqCst) && watchdog().now() > deadline {
                timeout = true;
                break;
            }
            // A stop meant for the run before this one: go on.
            result = self.start(pc, until);
        }
        self.slot.deadline.store(0, Ordering::SeqCst);
        *regs = registers(&self.engine, self.fpu);
        regs[PC] = pc;
        match result {
            Ok(()) if timeout => Stop::Timeout,
            Ok(()) => Stop::Until,
            Err(uc_error::INSN_INVALID | uc_error::EXCEPTION) => Self::undefined(memory, pc),
            Err(e) => Stop::Fault(format!("{e} at {pc:#x}")),
        }
    }
}
