//! The memories whose bounds are tried, one row each.

use super::module::Sizes;
use thumbsmith::Bounds;

/// A memory.
#[derive(Clone, Copy)]
pub struct Shape {
    /// Its name in reports.
    pub name: &'static str,
    /// Binary logarithm of the bytes of a page.
    pub page_log2: u32,
    /// Initial size in pages.
    pub min: u32,
    /// Greatest size in pages. Where it is more than `min`, the module grows the memory.
    pub max: u32,
    /// Where it is.
    pub home: Home,
}

/// Where a memory is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Home {
    /// In a section of its own, with nothing mapped beside it.
    Own,
    /// The same, behind a smaller memory of the module: in RAM, beside its other data.
    Second,
    /// The firmware's.
    Imported,
    /// At an address that is given to the compiler.
    Address,
}

impl Shape {
    const fn new(name: &'static str, page_log2: u32, min: u32, max: u32, home: Home) -> Shape {
        Shape {
            name,
            page_log2,
            min,
            max,
            home,
        }
    }

    /// Index of the memory in its module.
    pub fn index(&self) -> u32 {
        u32::from(self.home == Home::Second)
    }

    /// Whether the module grows it.
    pub fn grows(&self) -> bool {
        self.min < self.max
    }

    /// Least and greatest size in bytes.
    pub fn sizes(&self) -> Sizes {
        let bytes = |pages: u32| u64::from(pages) << self.page_log2;
        Sizes {
            least: bytes(self.min),
            most: bytes(self.max),
        }
    }

    /// Whether the compiler takes it in this mode: wrapping needs a reserved size that is a power of two.
    pub fn admits(&self, bounds: Bounds) -> bool {
        let fixed = self.home != Home::Imported || !self.grows();
        bounds != Bounds::Mask || (fixed && self.sizes().most.is_power_of_two())
    }
}

/// Every shape. Sizes are whole, odd, smaller than an access, nothing at first; bounds lie at the end of what is mapped and before.
pub const SHAPES: [Shape; 16] = [
    Shape::new("one page", 16, 1, 1, Home::Own),
    Shape::new("a page that grows", 16, 1, 2, Home::Own),
    Shape::new("a page at an address", 16, 1, 1, Home::Address),
    Shape::new("a page from outside", 16, 1, 1, Home::Imported),
    Shape::new("4096 bytes", 0, 4096, 4096, Home::Own),
    Shape::new("8192 bytes at an address", 0, 8192, 8192, Home::Address),
    Shape::new("1001 bytes", 0, 1001, 1001, Home::Own),
    Shape::new("4090 to 4110 bytes", 0, 4090, 4110, Home::Own),
    Shape::new("7 bytes", 0, 7, 7, Home::Own),
    Shape::new("1 byte", 0, 1, 1, Home::Own),
    Shape::new("0 to 16 bytes", 0, 0, 16, Home::Own),
    Shape::new("256 bytes behind another", 0, 256, 256, Home::Second),
    Shape::new("40 to 64 bytes behind another", 0, 40, 64, Home::Second),
    Shape::new("2048 bytes from outside", 0, 2048, 2048, Home::Imported),
    Shape::new("100 to 130 bytes from outside", 0, 100, 130, Home::Imported),
    Shape::new("2 pages at an address", 16, 1, 2, Home::Address),
];
