;; found-by: the specification's tests
;; guilty: references: the functions of a segment that initialization has dropped are kept where code copies from it, or the object names what it lacks
;; options: cortex-m3 -O2 check choices=heuristic
(module
  (table 1 funcref)
  (table 1 funcref)
  (elem declare func 0)
  (elem (table 0) (i32.const 0) func 1)
  (func (result i32)
    i32.const 5)
  (func (result i32)
    i32.const 6)
  (func (export "f") (param i32) (result i32)
    i32.const 0
    i32.const 0
    local.get 0
    table.init 1 0
    i32.const 7)
  (func (export "g") (param i32) (result i32)
    i32.const 0
    i32.const 0
    local.get 0
    table.init 1 1
    i32.const 8))
;; call f 0x0 => 0x7
;; call f 0x1 => trap out of bounds table access
;; call g 0x0 => 0x8
