;; found-by: hunt control
;; guilty: wide: 64-bit shifts
;; options: cortex-m7 -O2 mask choices=bytes:053a790d45c3020c96e20a86803b9e83011f4292d1df8f21195284753eca963def76bc13b9bea4
(module
  (type (;0;) (func (param i32 i32 i32) (result i32 i32 i32)))
  (type (;1;) (func (param i32 i32) (result i32 i32)))
  (type (;2;) (func (param i64 i32 i32 i32) (result i64 i64)))
  (export "f3" (func 0))
  (func (;0;) (type 2) (param i64 i32 i32 i32) (result i64 i64)
    i64.const 0
    local.get 0
    local.get 0
    i64.div_u
  )
)
;; call f3 0xffffffff9e757548 0x0 0x0 0x0 => 0x0 0x1
