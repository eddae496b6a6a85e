//! What is said of module files of blackbox_exporter.

use std::fmt::{Formatter, Result};

use super::Language;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModuleText {
    Http3,
    Http3Help,
    Socks,
    SocksHelp,
    OldTls,
    OldTlsHelp,
    BodyLimit {
        most: u64,
    },
    BodyLimitHelp,
    /// `cause` in English, from the compiler of an expression or ourselves.
    Wrong {
        key: String,
        cause: String,
    },
    WrongHelp,
    Exclusive {
        key: String,
        other: String,
    },
    ExclusiveHelp,
    Needs {
        key: String,
        other: String,
    },
    NeedsHelp {
        other: String,
    },
    /// A service names a module.
    NoFile,
    NoFileHelp,
}

impl ModuleText {
    /// What to write instead.
    pub fn help(&self) -> Self {
        match self {
            Self::Http3 | Self::Http3Help => Self::Http3Help,
            Self::Socks | Self::SocksHelp => Self::SocksHelp,
            Self::OldTls | Self::OldTlsHelp => Self::OldTlsHelp,
            Self::BodyLimit { .. } | Self::BodyLimitHelp => Self::BodyLimitHelp,
            Self::Wrong { .. } | Self::WrongHelp => Self::WrongHelp,
            Self::Exclusive { .. } | Self::ExclusiveHelp => Self::ExclusiveHelp,
            Self::NoFile | Self::NoFileHelp => Self::NoFileHelp,
            Self::Needs { other, .. } | Self::NeedsHelp { other } => Self::NeedsHelp { other: other.clone() },
        }
    }

    pub(super) fn write(&self, language: Language, out: &mut Formatter<'_>) -> Result {
        match language {
            Language::ZhCn => self.zh_cn(out),
            Language::En => self.en(out),
        }
    }

    fn en(&self, out: &mut Formatter<'_>) -> Result {
        match self {
            Self::Http3 => write!(out, "HTTP/3 is not spoken: this module would test nothing"),
            Self::Http3Help => write!(out, "leave the key out, and the target is visited over HTTP/2 or HTTP/1.1"),
            Self::Socks => write!(out, "proxies of SOCKS are not used"),
            Self::SocksHelp => write!(out, "name a proxy of HTTP, such as `http://proxy.city.test:3128`"),
            Self::OldTls => write!(out, "handshakes of TLS 1.1 and older are not carried out"),
            Self::OldTlsHelp => write!(out, "write TLS12 or TLS13; `once tls://host:port` tells of older servers"),
            Self::BodyLimit { most } => write!(out, "no more than {most} bytes of a body are read"),
            Self::BodyLimitHelp => write!(out, "write a lower limit, such as `10MB`"),
            Self::Wrong { key, cause } => write!(out, "`{key}` cannot be used: {cause}"),
            Self::WrongHelp => write!(out, "write it as blackbox_exporter's CONFIGURATION.md does"),
            Self::Exclusive { key, other } => write!(out, "`{key}` and `{other}` cannot stand together"),
            Self::ExclusiveHelp => write!(out, "take one of them out"),
            Self::Needs { key, other } => write!(out, "`{key}` needs `{other}`"),
            Self::NeedsHelp { other } => write!(out, "write `{other}` beside it"),
            Self::NoFile => write!(out, "this file names no file of modules"),
            Self::NoFileHelp => write!(out, "write `modules: blackbox.yml` at its top, or leave `module` out"),
        }
    }

    fn zh_cn(&self, out: &mut Formatter<'_>) -> Result {
        match self {
            Self::Http3 => write!(out, "不支持 HTTP/3：该模块什么也测不到"),
            Self::Http3Help => write!(out, "删去该键，即按 HTTP/2 或 HTTP/1.1 访问"),
            Self::Socks => write!(out, "不使用 SOCKS 代理"),
            Self::SocksHelp => write!(out, "改写 HTTP 代理，例如 `http://proxy.city.test:3128`"),
            Self::OldTls => write!(out, "不进行 TLS 1.1 及更早版本的握手"),
            Self::OldTlsHelp => write!(out, "写 TLS12 或 TLS13；旧服务器可用 `once tls://host:port` 查看"),
            Self::BodyLimit { most } => write!(out, "正文最多读取 {most} 字节"),
            Self::BodyLimitHelp => write!(out, "写更小的上限，例如 `10MB`"),
            Self::Wrong { key, cause } => write!(out, "`{key}` 不可用：{cause}"),
            Self::WrongHelp => write!(out, "按 blackbox_exporter 的 CONFIGURATION.md 书写"),
            Self::Exclusive { key, other } => write!(out, "`{key}` 与 `{other}` 不能同时出现"),
            Self::ExclusiveHelp => write!(out, "删去其中一个"),
            Self::Needs { key, other } => write!(out, "`{key}` 需要 `{other}`"),
            Self::NeedsHelp { other } => write!(out, "在旁边写上 `{other}`"),
            Self::NoFile => write!(out, "本文件没有指明模块文件"),
            Self::NoFileHelp => write!(out, "在文件开头写 `modules: blackbox.yml`，或删去 `module`"),
        }
    }
}
