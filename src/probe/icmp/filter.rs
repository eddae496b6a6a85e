//! What a raw socket may hear: echo replies with our identifier, and ICMP errors that quote a request with it.
//!
//! Classic BPF (see `net/core/filter.c`): runs in the kernel before a packet is queued, so that other programs' pings
//! and floods of foreign ICMP cost us nothing. A load beyond the packet's end rejects the packet.

use std::os::fd::AsRawFd;

use socket2::{SockFilter, Socket};

use super::class::Family;

/// Installs the filters of `family` for `identifier`.
pub fn attach(socket: &Socket, family: Family, identifier: u16) -> std::io::Result<()> {
    match family {
        Family::V4 => {
            pass_types(socket, libc::SOL_RAW, 1, &!((1_u32 << 0) | (1 << 3) | (1 << 11) | (1 << 12)))?;
            socket.attach_filter(&v4(identifier))
        }
        Family::V6 => {
            let mut blocked = [u32::MAX; 8];
            for passed in [1_usize, 2, 3, 4, 129] {
                blocked[passed / 32] &= !(1 << (passed % 32));
            }
            pass_types(socket, libc::SOL_ICMPV6, 1, &blocked)?;
            socket.attach_filter(&v6(identifier))
        }
    }
}

/// ICMP_FILTER and ICMP6_FILTER (both option 1): a set bit blocks a type before the kernel even copies the packet.
fn pass_types<T>(socket: &Socket, level: i32, option: i32, blocked: &T) -> std::io::Result<()> {
    super::class::set_option(socket.as_raw_fd(), level, option, blocked)
}

const LOAD_BYTE: u16 = 0x30; // BPF_LD | BPF_B | BPF_ABS
const LOAD_HALF: u16 = 0x28; // BPF_LD | BPF_H | BPF_ABS
const LOAD_BYTE_X: u16 = 0x50; // BPF_LD | BPF_B | BPF_IND
const LOAD_HALF_X: u16 = 0x48; // BPF_LD | BPF_H | BPF_IND
const LOAD_IP_LENGTH: u16 = 0xb1; // BPF_LDX | BPF_B | BPF_MSH: X = 4 * (byte & 15)
const EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const AND: u16 = 0x54; // BPF_ALU | BPF_AND | BPF_K
const SHIFT_LEFT: u16 = 0x64; // BPF_ALU | BPF_LSH | BPF_K
const ADD_X: u16 = 0x0c; // BPF_ALU | BPF_ADD | BPF_X
const TO_X: u16 = 0x07; // BPF_MISC | BPF_TAX
const RETURN: u16 = 0x06; // BPF_RET | BPF_K
const WHOLE: u32 = u32::MAX;

fn op(code: u16, value: u32) -> SockFilter {
    SockFilter::new(code, 0, 0, value)
}

/// Goes on at the next instruction when equal, else `skip` further.
fn want(value: u32, skip: u8) -> SockFilter {
    SockFilter::new(EQUAL, 0, skip, value)
}

/// The socket sees the IP header first. Types other than errors and replies were blocked by ICMP_FILTER.
fn v4(identifier: u16) -> [SockFilter; 19] {
    let identifier = u32::from(identifier);
    [
        op(LOAD_IP_LENGTH, 0),
        op(LOAD_BYTE_X, 0), // 1: ICMP type
        want(0, 3),
        op(LOAD_HALF_X, 4), // 3: identifier of the reply
        want(identifier, 13),
        op(RETURN, WHOLE),
        op(LOAD_BYTE_X, 17), // 6: protocol in the quoted IP header, at 8 + 9
        want(1, 10),
        op(LOAD_BYTE_X, 8), // 8: length of the quoted IP header
        op(AND, 0x0f),
        op(SHIFT_LEFT, 2),
        op(ADD_X, 0),
        op(TO_X, 0),
        op(LOAD_BYTE_X, 8), // 13: quoted ICMP type
        want(8, 3),
        op(LOAD_HALF_X, 12), // 15: quoted identifier, at 8 + 4
        want(identifier, 1),
        op(RETURN, WHOLE),
        op(RETURN, 0), // 18
    ]
}

/// The socket sees the ICMPv6 header first; we send no extension headers, so the quoted one follows 40 bytes later.
fn v6(identifier: u16) -> [SockFilter; 13] {
    let identifier = u32::from(identifier);
    [
        op(LOAD_BYTE, 0),
        want(129, 3),
        op(LOAD_HALF, 4), // 2: identifier of the reply
        want(identifier, 8),
        op(RETURN, WHOLE),
        op(LOAD_BYTE, 14), // 5: next header in the quoted IPv6 header, at 8 + 6
        want(58, 5),
        op(LOAD_BYTE, 48), // 7: quoted ICMPv6 type
        want(128, 3),
        op(LOAD_HALF, 52), // 9: quoted identifier
        want(identifier, 1),
        op(RETURN, WHOLE),
        op(RETURN, 0), // 12
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the few instructions that the filters use, as the kernel would.
    fn accepts(program: &[SockFilter], packet: &[u8]) -> bool {
        let load = |at: usize, length: usize| {
            let bytes = packet.get(at..at + length)?;
            Some(bytes.iter().fold(0_u32, |value, byte| value << 8 | u32::from(*byte)))
        };
        let (mut accumulator, mut index, mut next) = (0_u32, 0_u32, 0);
        loop {
            // SAFETY: `SockFilter` is `repr(transparent)` over `sock_filter`.
            let libc::sock_filter { code, jt, jf, k } = unsafe { std::mem::transmute_copy(&program[next]) };
            next += 1;
            let loaded = match code {
                LOAD_BYTE => load(k as usize, 1),
                LOAD_HALF => load(k as usize, 2),
                LOAD_BYTE_X => load((index + k) as usize, 1),
                LOAD_HALF_X => load((index + k) as usize, 2),
                LOAD_IP_LENGTH => {
                    let Some(byte) = load(k as usize, 1) else { return false };
                    index = (byte & 15) * 4;
                    Some(accumulator)
                }
                EQUAL => {
                    next += usize::from(if accumulator == k { jt } else { jf });
                    Some(accumulator)
                }
                AND => Some(accumulator & k),
                SHIFT_LEFT => Some(accumulator << k),
                ADD_X => Some(accumulator + index),
                TO_X => {
                    index = accumulator;
                    Some(accumulator)
                }
                RETURN => return k > 0,
                other => panic!("instruction {other:#x}"),
            };
            let Some(value) = loaded else { return false };
            accumulator = value;
        }
    }

    /// An IPv4 header of `words` 32-bit words around `message`.
    fn v4_packet(words: u8, protocol: u8, message: &[u8]) -> Vec<u8> {
        let mut packet = vec![0; usize::from(words) * 4];
        (packet[0], packet[9]) = (0x40 | words, protocol);
        [&packet, message].concat()
    }

    fn v6_packet(next_header: u8, message: &[u8]) -> Vec<u8> {
        let mut packet = vec![0; 40];
        packet[6] = next_header;
        [&packet, message].concat()
    }

    const OURS: u16 = 0x1234;

    fn echo(kind: u8, identifier: u16) -> [u8; 8] {
        let [high, low] = identifier.to_be_bytes();
        [kind, 0, 0, 0, high, low, 0, 1]
    }

    #[test]
    fn only_our_replies_and_errors_about_our_requests_pass_v4() {
        let program = v4(OURS);
        for words in [5, 6, 15] {
            assert!(accepts(&program, &v4_packet(words, 1, &echo(0, OURS))));
            assert!(!accepts(&program, &v4_packet(words, 1, &echo(0, OURS + 1))));
            let error = |inner: Vec<u8>| v4_packet(5, 1, &[vec![3, 1, 0, 0, 0, 0, 0, 0], inner].concat());
            assert!(accepts(&program, &error(v4_packet(words, 1, &echo(8, OURS)))));
            assert!(!accepts(&program, &error(v4_packet(words, 1, &echo(8, OURS + 1)))));
            assert!(!accepts(&program, &error(v4_packet(words, 1, &echo(0, OURS)))), "quotes a reply");
            assert!(!accepts(&program, &error(v4_packet(words, 17, &echo(8, OURS)))), "quotes UDP");
        }
        assert!(!accepts(&program, &v4_packet(5, 1, &[0, 0, 0])));
    }

    #[test]
    fn only_our_replies_and_errors_about_our_requests_pass_v6() {
        let program = v6(OURS);
        assert!(accepts(&program, &echo(129, OURS)));
        assert!(!accepts(&program, &echo(129, OURS + 1)));
        let error = |inner: Vec<u8>| [vec![1, 0, 0, 0, 0, 0, 0, 0], inner].concat();
        assert!(accepts(&program, &error(v6_packet(58, &echo(128, OURS)))));
        assert!(!accepts(&program, &error(v6_packet(58, &echo(128, OURS + 1)))));
        assert!(!accepts(&program, &error(v6_packet(17, &echo(128, OURS)))));
        assert!(!accepts(&program, &[129, 0]));
    }
}
