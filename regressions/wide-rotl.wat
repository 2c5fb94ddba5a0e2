;; found-by: hunt pressure
;; guilty: wide: 64-bit shifts
;; options: cortex-m33 -O2 mask choices=bytes:1603a66d1eb6f125859f5c035f6b60dcad
(module
  (type (;0;) (func (param i32 i32 i64 i32 i32) (result i64)))
  (type (;1;) (func (param i32 i64 i64 i32) (result i32)))
  (import "env" "host0" (func (;0;) (type 0) (param i32 i32 i64 i32 i32) (result i64)))
  (export "f0" (func 1))
  (func (;1;) (type 1) (param i32 i64 i64 i32) (result i32)
    i32.const 0
    i32.const 0
    i64.const 1
    local.get 1
    i64.rotl
    i32.const 0
    i32.const 0
    call 0
    drop
    i32.const 0
  )
)
;; call f0 0x0 0x0 0x0 0x0 => 0x0
