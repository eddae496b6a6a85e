//! A TUN device with the city's addresses, in the network namespace of the calling thread.

use std::{
    ffi::{CStr, c_short},
    fs::OpenOptions,
    io,
    mem::zeroed,
    net::{Ipv4Addr, Ipv6Addr},
    os::{
        fd::{AsRawFd, FromRawFd, OwnedFd},
        unix::fs::OpenOptionsExt,
    },
};

/// Name of the device inside the namespace: `nsenter … tcpdump -i city0`.
pub const NAME: &CStr = c"city0";
/// Our own end, with the city behind it. 198.19.254.0/24 and 2001:2:0:ffff::/64 are the city's own: no link lives there.
pub const OWN_V4: (Ipv4Addr, u8) = (Ipv4Addr::new(198, 19, 254, 1), 15);
pub const OWN_V6: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2001, 2, 0, 0xffff, 0, 0, 0, 1), 48);
/// 10 000 packets: every point of a large inventory asked at once.
const QUEUE: i32 = 10_000;

/// Makes the device, gives it its addresses and brings it and loopback up.
///
/// A kernel without IPv6 gets a city without it.
pub fn create() -> io::Result<OwnedFd> {
    let device = OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open("/dev/net/tun")?;
    let mut asked = request(NAME);
    asked.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as c_short;
    // SAFETY: `asked` is a valid ifreq for the length of the call.
    check(unsafe { libc::ioctl(device.as_raw_fd(), libc::TUNSETIFF, &raw mut asked) })?;

    let v4 = socket(libc::AF_INET)?;
    let mut length = request(NAME);
    length.ifr_ifru.ifru_metric = QUEUE; // ifr_qlen is the same place of the union
    // Only the machine's own root may; the usual 500 do for a city without floods.
    let _ = set(&v4, libc::SIOCSIFTXQLEN, &mut length);
    set(&v4, libc::SIOCSIFADDR, &mut with_address(OWN_V4.0))?;
    set(&v4, libc::SIOCSIFNETMASK, &mut with_address(Ipv4Addr::from_bits(!0 << (32 - OWN_V4.1))))?;
    bring_up(&v4, NAME)?;
    bring_up(&v4, c"lo")?;
    match add_v6(&v4) {
        Err(error) if !matches!(error.raw_os_error(), Some(libc::EAFNOSUPPORT | libc::EACCES | libc::EPERM)) => {
            Err(error)
        }
        _ => Ok(device.into()),
    }
}

fn add_v6(v4: &OwnedFd) -> io::Result<()> {
    let v6 = socket(libc::AF_INET6)?;
    let mut index = request(NAME);
    set(v4, libc::SIOCGIFINDEX, &mut index)?;
    let mut address = libc::in6_ifreq {
        ifr6_addr: libc::in6_addr { s6_addr: OWN_V6.0.octets() },
        ifr6_prefixlen: OWN_V6.1.into(),
        // SAFETY: the kernel has just written this member.
        ifr6_ifindex: unsafe { index.ifr_ifru.ifru_ifindex },
    };
    // SAFETY: `address` is a valid in6_ifreq for the length of the call.
    check(unsafe { libc::ioctl(v6.as_raw_fd(), libc::SIOCSIFADDR, &raw mut address) })
}

fn bring_up(socket: &OwnedFd, name: &CStr) -> io::Result<()> {
    let mut flags = request(name);
    set(socket, libc::SIOCGIFFLAGS, &mut flags)?;
    // SAFETY: the kernel has just written this member.
    unsafe { flags.ifr_ifru.ifru_flags |= libc::IFF_UP as c_short };
    set(socket, libc::SIOCSIFFLAGS, &mut flags)
}

fn request(name: &CStr) -> libc::ifreq {
    // SAFETY: all zeroes is a valid ifreq.
    let mut request: libc::ifreq = unsafe { zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name.to_bytes()) {
        *to = from.cast_signed();
    }
    request
}

fn with_address(address: Ipv4Addr) -> libc::ifreq {
    let mut request = request(NAME);
    let address = libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: 0,
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(address.octets()) },
        sin_zero: [0; 8],
    };
    // SAFETY: both are 16 bytes of plain data; the family says which one it is.
    request.ifr_ifru.ifru_addr = unsafe { std::mem::transmute::<libc::sockaddr_in, libc::sockaddr>(address) };
    request
}

fn set(socket: &OwnedFd, what: libc::c_ulong, request: &mut libc::ifreq) -> io::Result<()> {
    // SAFETY: `request` is a valid ifreq for the length of the call.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), what, std::ptr::from_mut(request)) })
}

fn socket(family: i32) -> io::Result<OwnedFd> {
    // SAFETY: plain call; the result is checked before it becomes an owned descriptor.
    let socket = unsafe { libc::socket(family, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    check(socket)?;
    // SAFETY: a fresh descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(socket) })
}

fn check(result: i32) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
