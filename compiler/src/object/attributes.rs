//! Build attributes: what lets a linker refuse objects that do not fit together.
//!
//! In: options. Out: the bytes of `.ARM.attributes` (Addenda to the ABI for the Arm Architecture, section 3).

use crate::options::{Cpu, Feature};

/// Tags that we use, with values for a core, by number.
fn tags(cpu: Cpu, passes_floats: bool) -> Vec<(u8, u8)> {
    let arch = match cpu {
        Cpu::CortexM3 => 10, // v7
        // v7E-M
        Cpu::CortexM4 | Cpu::CortexM7 | Cpu::CortexM4F | Cpu::CortexM7F => 13,
        Cpu::CortexM33 | Cpu::CortexM33F => 17, // v8-M mainline
    };
    let thumb = if arch == 17 { 3 } else { 2 };
    let fpu = cpu.has(Feature::Fpv4Sp);
    let mut tags = vec![
        (6, arch),  // Tag_CPU_arch
        (7, b'M'),  // Tag_CPU_arch_profile
        (9, thumb), // Tag_THUMB_ISA_use
    ];
    if fpu {
        // Tag_FP_arch: that of Arm v8-A, or VFPv4, each with 16 registers of 64 bits.
        tags.push((10, if cpu.has(Feature::Fpv5Sp) { 8 } else { 6 }));
    }
    if fpu || passes_floats {
        tags.push((20, 1)); // Tag_ABI_FP_denormal: needed
        tags.push((23, 3)); // Tag_ABI_FP_number_model: all of IEEE 754
    }
    tags.extend([
        (24, 1), // Tag_ABI_align_needed: 8 bytes
        (25, 1), // Tag_ABI_align_preserved: 8 bytes
    ]);
    if fpu && !cpu.has(Feature::Fpv5Dp) {
        tags.push((27, 1)); // Tag_ABI_HardFP_use: single precision only
    }
    // Tag_ABI_VFP_args: compatible with both variants, or registers of the FPU; without it, the base variant.
    match (passes_floats, fpu) {
        (false, _) => tags.push((28, 3)),
        (true, true) => tags.push((28, 1)),
        (true, false) => {}
    }
    tags.push((34, 1)); // Tag_CPU_unaligned_access
    tags
}

/// The section's contents. `passes_floats` says whether floats are passed to or from other objects, in the variant of the
/// procedure call standard that belongs to the core; if not, firmware of the other variant may link it too.
pub fn section(cpu: Cpu, passes_floats: bool) -> Vec<u8> {
    let mut attributes = vec![5]; // Tag_CPU_name
    attributes.extend(cpu.without_fpu().name().bytes());
    attributes.push(0);
    for (tag, value) in tags(cpu, passes_floats) {
        attributes.extend([tag, value]);
    }
    let mut file = vec![1]; // Tag_File
    file.extend((attributes.len() as u32 + 5).to_le_bytes());
    file.extend(attributes);
    let vendor = b"aeabi\0";
    let mut out = vec![b'A'];
    out.extend((4 + vendor.len() as u32 + file.len() as u32).to_le_bytes());
    out.extend(vendor);
    out.extend(file);
    out
}
