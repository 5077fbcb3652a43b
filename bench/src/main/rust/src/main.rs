// SPDX-License-Identifier: Apache-2.0
//! A peer for `bench/run ring`: what SplitRingWork.serve does, with rust-vmm's virtio-queue.
//!
//! `ring-peer ELEMENTS INDIRECT BATCH` prints nanoseconds per chain, the least of many rounds.

use std::env::args;
use std::num::Wrapping;
use std::sync::atomic::Ordering;
use std::time::Instant;

use virtio_queue::{Queue, QueueT};
use vm_memory::{Bytes, GuestAddress, GuestMemoryMmap};

const QUEUE_SIZE: u64 = 256;
const CHAINS: u64 = 256;
const ROUNDS: usize = 60;
const REPEATS: u64 = 4;

const DESC: u64 = 0x10000;
const AVAIL: u64 = 0x20000;
const USED: u64 = 0x30000;

const NEXT: u64 = 1;
const WRITE: u64 = 2;
const INDIRECT: u64 = 4;

fn put(mem: &GuestMemoryMmap, at: u64, addr: u64, len: u64, flags: u64, next: u64) {
    mem.write_obj(addr, GuestAddress(at)).unwrap();
    mem.write_obj(len | flags << 32 | next << 48, GuestAddress(at + 8)).unwrap();
}

fn set_up(mem: &GuestMemoryMmap, elements: u64, indirect: bool) {
    let chains = QUEUE_SIZE / if indirect { 1 } else { elements };
    for c in 0..chains {
        let (table, first) = if indirect { (0x100000 + 256 * c, 0) } else { (DESC, c * elements) };
        if indirect {
            put(mem, DESC + 16 * c, table, 16 * elements, INDIRECT, 0);
        }
        for e in 0..elements {
            let last = e == elements - 1;
            let addr = if e == 0 { 0x200000 + 256 * c } else { 0x400000 + 4096 * (c * elements + e) };
            let len = if e == 0 { 16 } else if last { 1 } else { 4096 };
            let flags = if e > 0 { WRITE } else { 0 } | if last { 0 } else { NEXT };
            put(mem, table + 16 * (first + e), addr, len, flags, first + e + 1);
        }
    }
    for i in 0..QUEUE_SIZE {
        let head = (i % chains * if indirect { 1 } else { elements }) as u16;
        mem.write_obj(head, GuestAddress(AVAIL + 4 + 2 * i)).unwrap();
    }
}

fn serve(mem: &GuestMemoryMmap, queue: &mut Queue, avail_idx: &mut Wrapping<u16>, batch: u64) -> u64 {
    let mut sum = 0u64;
    let mut done = 0;
    while done < CHAINS {
        *avail_idx += batch as u16;
        mem.store(avail_idx.0, GuestAddress(AVAIL + 2), Ordering::Release).unwrap();
        while let Some(chain) = queue.pop_descriptor_chain(mem) {
            let head = chain.head_index();
            let mut header = true;
            for desc in chain {
                if header {
                    let words: [u64; 2] = mem.read_obj(desc.addr()).unwrap();
                    sum = sum.wrapping_add(words[0]).wrapping_add(words[1]);
                    header = false;
                }
                sum = sum.wrapping_add(desc.addr().0).wrapping_add(desc.len() as u64);
            }
            queue.add_used(mem, head, 1).unwrap();
        }
        done += batch;
    }
    sum
}

fn main() {
    let args: Vec<u64> = args().skip(1).map(|a| a.parse().unwrap()).collect();
    let mem: GuestMemoryMmap = GuestMemoryMmap::from_ranges(&[(GuestAddress(0), 64 << 20)]).unwrap();
    set_up(&mem, args[0], args[1] != 0);
    let mut queue = Queue::new(QUEUE_SIZE as u16).unwrap();
    queue.set_size(QUEUE_SIZE as u16);
    queue.set_desc_table_address(Some(DESC as u32), Some(0));
    queue.set_avail_ring_address(Some(AVAIL as u32), Some(0));
    queue.set_used_ring_address(Some(USED as u32), Some(0));
    queue.set_event_idx(true);
    queue.set_ready(true);
    assert!(queue.is_valid(&mem));
    let mut avail_idx = Wrapping(0);
    let mut least = f64::MAX;
    let mut sum = 0u64;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..REPEATS {
            sum = sum.wrapping_add(serve(&mem, &mut queue, &mut avail_idx, args[2]));
        }
        least = least.min(start.elapsed().as_nanos() as f64 / (REPEATS * CHAINS) as f64);
    }
    assert!(queue.next_used() == avail_idx.0 && sum != 0);
    println!("{:.2}", least);
}
