;; found-by: hunt control
;; guilty: regalloc: where the last block leaves values, believed on the edges of others
;; options: cortex-m3 -O0 check choices=heuristic
(module
  (type (;0;) (func (param i32 i32 i32) (result i32 i32 i32)))
  (type (;1;) (func (param i32 i32) (result i32 i32 i32)))
  (export "6" (func 0))
  (func (;0;) (type 1) (param i32 i32) (result i32 i32 i32)
    (local i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)
    i32.const 0
    i32.const 0
    local.get 0
    i32.const 0
    i32.const 0
    if (result i32) ;; label = @1
      i32.const 0
      i32.const 0
      local.set 0
    else
      i32.const 0
    end
    i32.const 0
    loop (type 0) (param i32 i32 i32) (result i32 i32 i32) ;; label = @1
      local.set 7
      local.set 6
      i32.const 0
      i32.const 0
      i32.const 0
      local.set 12
      local.set 11
      local.set 10
      i32.const 0
      i32.const 0
      i32.const 0
      local.set 13
      local.set 3
      local.set 8
      i32.const 0
      i32.const 0
      i32.const 0
      br_if 0 (;@1;)
    end
    drop
    drop
    drop
    local.get 1
    br_if 0
    loop ;; label = @1
      local.get 0
      i32.const 0
      i32.div_u
      local.set 7
      br 0 (;@1;)
    end
  )
)
;; init
