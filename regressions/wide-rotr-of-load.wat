;; found-by: hunt memory
;; guilty: wide: 64-bit shifts
;; options: cortex-m7 -Oz mpu choices=heuristic
(module
  (type (;0;) (func (param i32 i32 i64) (result i32)))
  (memory (;0;) 2 2)
  (export "f17" (func 0))
  (func (;0;) (type 0) (param i32 i32 i64) (result i32)
    i32.const 0
    i64.const 1
    i32.const 0
    i64.load16_s offset=5 align=1
    i64.rotr
    i64.store8 offset=13
    i32.const 0
  )
)
;; call f17 0x0 0x0 0x0 => 0x0
