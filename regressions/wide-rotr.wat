;; found-by: hunt calls
;; guilty: wide: 64-bit shifts
;; options: cortex-m4 -O1 check choices=bytes:febeb77605b31e5bfabc82cb74987b79f7b99de8dbf897dc23f818d88643f0f81bdfb06d9c4a8017
(module
  (type (;0;) (func (param i64 i32 i32 i32 i32) (result i32)))
  (type (;1;) (func (param i32 i64) (result i64)))
  (import "env" "host0" (func (;0;) (type 0) (param i64 i32 i32 i32 i32) (result i32)))
  (export "f0" (func 1))
  (func (;1;) (type 1) (param i32 i64) (result i64)
    i64.const 0
    local.get 1
    local.get 1
    i64.rotr
    i32.const 0
    i32.const 0
    i32.const 0
    i32.const 0
    call 0
    drop
  )
)
;; call f0 0x0 0x1 => 0x0
