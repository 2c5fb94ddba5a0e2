;; found-by: hunt control
;; guilty: wide: 64-bit shifts
;; options: cortex-m33 -Os check choices=heuristic
(module
  (type (;0;) (func (param i32) (result i64)))
  (type (;1;) (func (param i32 i32 i64 i64) (result i32 i32 i32)))
  (export "f4" (func 0))
  (func (;0;) (type 1) (param i32 i32 i64 i64) (result i32 i32 i32)
    (local i32 i64)
    i64.const 0
    i32.const 0
    local.set 4
    i64.const 0
    i64.le_u
    block (result i64) ;; label = @1
      local.get 2
      i32.const 1
      br_if 0 (;@1;)
      local.set 5
      i64.const 0
    end
    local.get 2
    local.get 5
    i64.shr_u
    i64.ne
    i32.const 0
  )
)
;; call f4 0x0 0x0 0x1 0x0 => 0x1 0x0 0x0
