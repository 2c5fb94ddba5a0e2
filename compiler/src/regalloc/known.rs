//! What is known to be in each place: an array of sets that copies cheaply.
//!
//! In: places by number, values. Out: [`State`]. Invariant: a copy is independent of its original. Inside, it is a
//! tree of shared nodes; a write copies the nodes on its path if they are shared, and meeting two states skips what
//! they share. So a checker may keep one state a block: equal parts exist once.

use smallvec::SmallVec;
use std::rc::Rc;

/// Values known to be in one place, in no order.
pub(super) type Known = SmallVec<[u32; 2]>;

/// Children of a node, as a power of two.
const BITS: u32 = 3;
const WIDTH: usize = 1 << BITS;

#[derive(Clone)]
enum Node {
    Leaf([Known; WIDTH]),
    Inner([Rc<Node>; WIDTH]),
}

/// The sets of all places.
#[derive(Clone)]
pub(super) struct State {
    root: Rc<Node>,
    height: u32,
}

impl State {
    /// A state of so many places in which nothing is known.
    pub fn new(places: u32) -> State {
        let mut root = Rc::new(Node::Leaf(Default::default()));
        let mut height = 0;
        while places as usize > WIDTH << (height * BITS) {
            let child = root;
            root = Rc::new(Node::Inner(std::array::from_fn(|_| child.clone())));
            height += 1;
        }
        State { root, height }
    }

    /// The values known to be in a place.
    pub fn get(&self, place: u32) -> &Known {
        let mut node = &*self.root;
        let mut shift = self.height * BITS;
        loop {
            let at = (place >> shift) as usize % WIDTH;
            match node {
                Node::Leaf(sets) => return &sets[at],
                Node::Inner(children) => node = &children[at],
            }
            shift = shift.saturating_sub(BITS);
        }
    }

    /// Replaces the set of a place.
    pub fn set(&mut self, place: u32, known: Known) {
        let mut node = Rc::make_mut(&mut self.root);
        let mut shift = self.height * BITS;
        loop {
            let at = (place >> shift) as usize % WIDTH;
            match node {
                Node::Leaf(sets) => {
                    sets[at] = known;
                    return;
                }
                Node::Inner(children) => node = Rc::make_mut(&mut children[at]),
            }
            shift = shift.saturating_sub(BITS);
        }
    }

    /// Keeps what is also known in `other`; tells whether anything was lost.
    pub fn meet(&mut self, other: &State) -> bool {
        meet(&mut self.root, &other.root)
    }
}

fn meet(into: &mut Rc<Node>, other: &Rc<Node>) -> bool {
    if Rc::ptr_eq(into, other) || !loses(into, other) {
        return false;
    }
    match (Rc::make_mut(into), &**other) {
        (Node::Leaf(sets), Node::Leaf(others)) => {
            for (set, other) in sets.iter_mut().zip(others) {
                set.retain(|v| other.contains(v));
            }
        }
        (Node::Inner(children), Node::Inner(others)) => {
            for (child, other) in children.iter_mut().zip(others) {
                meet(child, other);
            }
        }
        // Both trees have the same height.
        (Node::Leaf(_), Node::Inner(_)) | (Node::Inner(_), Node::Leaf(_)) => {}
    }
    true
}

/// Whether something known in `a` is not known in `b`.
fn loses(a: &Rc<Node>, b: &Rc<Node>) -> bool {
    match (&**a, &**b) {
        _ if Rc::ptr_eq(a, b) => false,
        (Node::Leaf(x), Node::Leaf(y)) => x
            .iter()
            .zip(y)
            .any(|(x, y)| x.iter().any(|v| !y.contains(v))),
        (Node::Inner(x), Node::Inner(y)) => x.iter().zip(y).any(|(x, y)| loses(x, y)),
        (Node::Leaf(_), Node::Inner(_)) | (Node::Inner(_), Node::Leaf(_)) => false,
    }
}
