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
