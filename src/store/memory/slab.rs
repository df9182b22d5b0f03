/// Byte strings of any length, close together: those of like length stand side by side in pages, without a gap.
///
/// A `Box` for each would cost a pointer and what the allocator rounds up; one `Vec` of them a copy of everything whenever it
/// grows, and a half that is unused. What is removed leaves no hole: the last of its length takes the place.
#[derive(Default)]
pub(super) struct Slab {
    classes: Vec<Class>,
}

/// Byte strings that take the same room.
#[derive(Default)]
struct Class {
    pages: Vec<Box<[u8]>>,
    held: usize,
}

/// Where a byte string is: its class, and its place in it. It is another's after a removal that says so.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Handle(u32);

impl Slab {
    /// The byte string, and zeros behind it.
    pub(super) fn get(&self, at: Handle) -> Option<&[u8]> {
        self.classes.get(at.class())?.slot(at.class(), at.place())
    }

    /// Among longer ones, should there be four million of its length. Nothing when these are as many, too.
    pub(super) fn insert(&mut self, bytes: &[u8]) -> Option<Handle> {
        let class = (class_of(bytes.len())..CLASSES).find(|class| self.held(*class) < PLACES)?;
        if self.classes.len() <= class {
            self.classes.resize_with(class + 1, Class::default);
        }
        let at = Handle::new(class, self.held(class))?;
        self.classes.get_mut(class)?.push(class, bytes)?;
        Some(at)
    }

    /// Whether there was room for it in that place.
    pub(super) fn overwrite(&mut self, at: Handle, bytes: &[u8]) -> bool {
        let class = at.class();
        let slot = self.classes.get_mut(class).and_then(|held| held.slot_mut(class, at.place()));
        slot.is_some_and(|slot| class_of(bytes.len()) == class && fill(slot, bytes).is_some())
    }

    /// Says where the byte string was that is there now, if one is.
    pub(super) fn remove(&mut self, at: Handle) -> Option<Handle> {
        let (class, place) = (at.class(), at.place());
        let held = self.classes.get_mut(class)?;
        let last = held.held.checked_sub(1)?;
        let moved = (place != last).then(|| held.slot(class, last).map(<[u8]>::to_vec)).flatten();
        if let Some(bytes) = &moved {
            held.slot_mut(class, place)?.copy_from_slice(bytes);
        }
        held.held = last;
        held.pages.truncate(last.div_ceil(slots_of_page(class)));
        moved.and_then(|_| Handle::new(class, last))
    }

    /// Every byte string, so that each is seen once though those that were seen are removed or become longer on the way: the
    /// last of a class comes first, and longer classes come later.
    pub(super) fn before(&self, at: Option<Handle>) -> Option<Handle> {
        if let Some(place) = at.and_then(|at| at.place().checked_sub(1)) {
            return Handle::new(at?.class(), place);
        }
        let next = at.map_or(0, |at| at.class() + 1);
        let class = (next..self.classes.len()).find(|class| self.held(*class) > 0)?;
        Handle::new(class, self.held(class) - 1)
    }

    /// What all of it takes, unused room included.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        let pages = self.classes.iter().map(|class| class.pages.capacity() * size_of::<Box<[u8]>>());
        let slots = self.classes.iter().flat_map(|class| &class.pages).map(|page| page.len());
        self.classes.capacity() * size_of::<Class>() + pages.sum::<usize>() + slots.sum::<usize>()
    }

    fn held(&self, class: usize) -> usize {
        self.classes.get(class).map_or(0, |class| class.held)
    }
}

impl Class {
    fn slot(&self, class: usize, place: usize) -> Option<&[u8]> {
        let (size, slots) = (room_of(class), slots_of_page(class));
        self.pages.get(place / slots)?.chunks_exact(size).nth(place % slots)
    }

    fn slot_mut(&mut self, class: usize, place: usize) -> Option<&mut [u8]> {
        let (size, slots) = (room_of(class), slots_of_page(class));
        self.pages.get_mut(place / slots)?.chunks_exact_mut(size).nth(place % slots)
    }

    fn push(&mut self, class: usize, bytes: &[u8]) -> Option<()> {
        if self.held == self.pages.len() * slots_of_page(class) {
            self.pages.push(vec![0; room_of(class) * slots_of_page(class)].into());
        }
        fill(self.slot_mut(class, self.held)?, bytes)?;
        self.held += 1;
        Some(())
    }
}

impl Handle {
    fn new(class: usize, place: usize) -> Option<Self> {
        (class < CLASSES && place < PLACES).then_some(Self((class << PLACE_BITS | place) as u32))
    }

    const fn class(self) -> usize {
        (self.0 >> PLACE_BITS) as usize
    }

    const fn place(self) -> usize {
        self.0 as usize % PLACES
    }
}

fn fill(slot: &mut [u8], bytes: &[u8]) -> Option<()> {
    let (filled, rest) = slot.split_at_mut_checked(bytes.len())?;
    filled.copy_from_slice(bytes);
    rest.fill(0);
    Some(())
}

/// Thirty-two classes for each doubling: of the room that a byte string takes, at most a thirty-second is unused.
const fn class_of(length: usize) -> usize {
    let last = if length > SHORTEST { length - 1 } else { SHORTEST };
    let shift = last.ilog2() - CLASS_BITS;
    ((shift as usize - 1) << CLASS_BITS) + (last >> shift) - (1 << CLASS_BITS)
}

/// The room that each of a class takes.
const fn room_of(class: usize) -> usize {
    let shift = (class >> CLASS_BITS) + 1;
    let steps = class % (1 << CLASS_BITS) + (1 << CLASS_BITS);
    (steps + 1) << shift
}

const fn slots_of_page(class: usize) -> usize {
    let slots = PAGE / room_of(class);
    if slots == 0 { 1 } else { slots }
}

/// What is shorter takes as much as this and a little more.
const SHORTEST: usize = 64;
const CLASS_BITS: u32 = 5;
/// Of a handle's bits: how many say the place. The others say the class.
const PLACE_BITS: u32 = 22;
const PLACES: usize = 1 << PLACE_BITS;
const CLASSES: usize = 1 << (u32::BITS - PLACE_BITS);
/// Bytes of a page: small, because each length that occurs leaves one page half empty.
const PAGE: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_takes_a_thirty_second_more_at_most() {
        for length in 65..100_000 {
            let size = room_of(class_of(length));
            assert!(size >= length && size <= length + 1 + length / 32, "{length} takes {size}");
            assert!(class_of(size) == class_of(length), "{length}");
        }
        assert_eq!((class_of(0), room_of(0)), (0, 66));
    }

    #[test]
    fn what_is_removed_leaves_no_hole_and_no_page() {
        let mut slab = Slab::default();
        let bytes = |n: usize| vec![n as u8; 60 + n % 80];
        let mut held: Vec<_> = (0..2000).map(|n| (slab.insert(&bytes(n)).unwrap(), n)).collect();
        for n in (0..2000).map(|n| n * 7 % 2000) {
            let at = held.iter().position(|(_, held)| *held == n).unwrap();
            let (removed, _) = held.swap_remove(at);
            if let Some(moved) = slab.remove(removed) {
                held.iter_mut().find(|(at, _)| *at == moved).unwrap().0 = removed;
            }
            assert!(held.iter().all(|(at, n)| slab.get(*at).unwrap().starts_with(&bytes(*n))));
        }
        assert!(slab.classes.iter().all(|class| class.held == 0 && class.pages.is_empty()));
    }

    #[test]
    fn a_walk_sees_each_once_though_they_are_removed_on_the_way() {
        let mut slab = Slab::default();
        (0..1000_usize).for_each(|n| slab.insert(&n.to_be_bytes().repeat(10 + n % 9)).map(|_| ()).unwrap());
        let (mut seen, mut at) = (Vec::new(), None);
        while let Some(here) = slab.before(at) {
            let bytes = slab.get(here).unwrap().to_vec();
            let n = usize::from_be_bytes(*bytes.first_chunk().unwrap());
            seen.push(n);
            if n.is_multiple_of(3) {
                slab.remove(here);
            }
            at = Some(here);
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..1000).collect::<Vec<_>>());
    }
}
