;; found-by: hunt smith
;; guilty: rewrite rules: types of results
;; options: cortex-m4 -Oz none choices=heuristic
(module
  (type (;0;) (func (result i32)))
  (type (;1;) (func (result i32)))
  (type (;2;) (func))
  (global (;0;) i32 i32.const 0)
  (global (;1;) (mut i64) i64.const 0)
  (global (;2;) (mut i32) i32.const 0)
  (global (;3;) (mut i64) i64.const 0)
  (global (;4;) (mut i32) i32.const 9)
  (export "e3" (func 0))
  (func (;0;) (type 0) (result i32)
    (local i64 i32 i32 i32 i64 i32 i64 i32 i32)
    i32.const 0
    global.get 1
    i64.eqz
    local.set 8
    i32.const 0
    i32.const 1
    local.get 8
    select
    i32.rem_u
  )
)
;; call e3 => trap integer divide by zero
