;; found-by: hunt ops
;; guilty: wide: 64-bit shifts
;; options: cortex-m33 -O1 mpu choices=heuristic
(module
  (type (;0;) (func (param i32 i64 i32 i64) (result i32)))
  (export "f16" (func 0))
  (func (;0;) (type 0) (param i32 i64 i32 i64) (result i32)
    i64.const 2
    local.get 1
    local.get 1
    i64.shl
    i64.ge_u
  )
)
;; call f16 0x0 0x1 0x0 0x0 => 0x1
