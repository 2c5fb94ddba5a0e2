//! The simulated address space: a few regions of host memory with unmapped space around each.
//!
//! Invariant: a region's host buffer neither moves nor is freed while a core may use it; `generation` changes whenever
//! the set of regions does, and a core compares it before it trusts its own mapping. Host access goes through
//! slices that live no longer than one call into this file's methods.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;

/// Granule of mappings: the page size of the simulators.
pub const PAGE: usize = 4096;

/// What a region is for; each has its own base address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub enum Kind {
    /// Return address and import stubs; read and execute.
    Stubs,
    /// Code and constants; read and execute.
    Code,
    /// Globals and other writable data.
    Ram,
    /// The linear memory, alone.
    Linear,
    /// The stack; calls begin near its top.
    Stack,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 5] = [
        Kind::Stubs,
        Kind::Code,
        Kind::Ram,
        Kind::Linear,
        Kind::Stack,
    ];

    /// Whether the simulated program may write here.
    pub fn writable(self) -> bool {
        match self {
            Kind::Stubs | Kind::Code => false,
            Kind::Ram | Kind::Linear | Kind::Stack => true,
        }
    }
}

/// The first address of each region, in the order of [`Kind::ALL`]. Stubs are within the reach of a BL from the code, and
/// code lies below RAM, RAM below the linear memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Map(pub [u32; 5]);

impl Map {
    /// Regions far apart, for simulators that map whatever they are asked to.
    pub const SPARSE: Map = Map([
        0x07ff_0000,
        0x0800_0000,
        0x2000_0000,
        0x4000_0000,
        0x3000_0000,
    ]);

    /// First address of a region.
    pub const fn base(self, kind: Kind) -> u32 {
        self.0[kind as usize]
    }
}

/// One mapped range.
pub struct Region {
    buffer: NonNull<u8>,
    size: usize,
}

impl Region {
    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size, PAGE)
            .expect("a region is smaller than the host's address space")
    }

    fn new(size: usize) -> Region {
        if size == 0 {
            return Region {
                buffer: NonNull::dangling(),
                size,
            };
        }
        let layout = Self::layout(size);
        // SAFETY: the size is not zero.
        let pointer = unsafe { alloc_zeroed(layout) };
        match NonNull::new(pointer) {
            Some(buffer) => Region { buffer, size },
            None => handle_alloc_error(layout),
        }
    }

    /// The host address of the buffer, for a core that maps it.
    pub fn pointer(&self) -> *mut u8 {
        self.buffer.as_ptr()
    }

    /// Size in bytes, a multiple of [`PAGE`].
    pub fn size(&self) -> usize {
        self.size
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        if self.size > 0 {
            // SAFETY: allocated in `new` with the same layout.
            unsafe { dealloc(self.buffer.as_ptr(), Self::layout(self.size)) }
        }
    }
}

/// All regions.
pub struct Memory {
    map: Map,
    regions: [Region; 5],
    generation: u64,
    /// Address and size of each [`write`](Memory::write), if they are kept.
    journal: Option<Vec<(u32, usize)>>,
}

impl Memory {
    /// Regions of these sizes, in the order of [`Kind::ALL`], each rounded up to pages.
    pub fn new(map: Map, sizes: [usize; 5]) -> Memory {
        let region = |size: usize| Region::new(size.next_multiple_of(PAGE));
        Memory {
            map,
            regions: sizes.map(region),
            generation: 1,
            journal: None,
        }
    }

    /// Where the regions begin.
    pub fn map(&self) -> Map {
        self.map
    }

    /// Puts a region where another address is its first; its contents stay.
    pub fn place(&mut self, kind: Kind, address: u32) {
        let base = &mut self.map.0[kind as usize];
        if *base != address {
            *base = address;
            self.generation += 1;
        }
    }

    /// Makes a region at least (`exact`: exactly) this large; its contents become zero if it has to be made anew.
    pub fn resize(&mut self, kind: Kind, size: usize, exact: bool) {
        let size = size.next_multiple_of(PAGE);
        let old = self.regions[kind as usize].size;
        if old < size || (exact && old != size) {
            self.regions[kind as usize] = Region::new(size);
            self.generation += 1;
        }
    }

    /// Changes whenever a region is made anew.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// One region.
    pub fn region(&self, kind: Kind) -> &Region {
        &self.regions[kind as usize]
    }

    /// The bytes of a region.
    pub fn bytes(&self, kind: Kind) -> &[u8] {
        let region = &self.regions[kind as usize];
        // SAFETY: the buffer holds `size` initialized bytes; cores write only inside `Core::run`, which takes `&mut Memory`.
        unsafe { std::slice::from_raw_parts(region.buffer.as_ptr(), region.size) }
    }

    /// The bytes of a region, to change.
    pub fn bytes_mut(&mut self, kind: Kind) -> &mut [u8] {
        let region = &mut self.regions[kind as usize];
        // SAFETY: as in `bytes`, and `self` is borrowed for writing.
        unsafe { std::slice::from_raw_parts_mut(region.buffer.as_ptr(), region.size) }
    }

    /// Where an address range lies, if one region holds all of it.
    pub fn locate(&self, address: u32, size: usize) -> Option<(Kind, usize)> {
        Kind::ALL.into_iter().find_map(|kind| {
            let offset = address.checked_sub(self.map.base(kind))? as usize;
            (offset.checked_add(size)? <= self.regions[kind as usize].size)
                .then_some((kind, offset))
        })
    }

    /// Reads a little-endian word.
    pub fn word(&self, address: u32) -> Option<u32> {
        let (kind, at) = self.locate(address, 4)?;
        Some(u32::from_le_bytes(
            self.bytes(kind)[at..at + 4].try_into().ok()?,
        ))
    }

    /// Reads a little-endian halfword.
    pub fn half(&self, address: u32) -> Option<u16> {
        let (kind, at) = self.locate(address, 2)?;
        Some(u16::from_le_bytes(
            self.bytes(kind)[at..at + 2].try_into().ok()?,
        ))
    }

    /// Address and size of each [`write`](Memory::write) since this was asked before; they are kept from the first time on.
    pub fn written(&mut self) -> Vec<(u32, usize)> {
        self.journal.replace(Vec::new()).unwrap_or_default()
    }

    /// Writes bytes from the host's side; `false` if they do not lie in one region.
    pub fn write(&mut self, address: u32, data: &[u8]) -> bool {
        match self.locate(address, data.len()) {
            Some((kind, at)) => {
                if let Some(journal) = &mut self.journal {
                    journal.push((address, data.len()));
                }
                self.bytes_mut(kind)[at..at + data.len()].copy_from_slice(data);
                true
            }
            None => false,
        }
    }
}
