;; found-by: hunt memory
;; guilty: wide: 64-bit shifts
;; options: cortex-m4 -O0 mpu choices=heuristic
(module
  (type (;0;) (func (param i64 i64 i64 i32) (result i64 i32)))
  (export "f7" (func 0))
  (func (;0;) (type 0) (param i64 i64 i64 i32) (result i64 i32)
    local.get 0
    local.get 0
    i64.shl
    i32.const 0
  )
)
;; call f7 0x1 0x0 0x0 0x0 => 0x2 0x0
