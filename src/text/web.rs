//! What is said of users and TLS of the web side.

mod refused;

use std::fmt;

pub use self::refused::RefusedText;

#[derive(Clone, Debug, PartialEq)]
pub enum WebText {
    BadHash {
        user: String,
    },
    BadHashHelp {
        cost: u32,
    },
    NoSuchUser {
        user: String,
    },
    NoSuchUserHelp {
        closest: Option<String>,
    },
    PinOfNoOperator {
        user: String,
    },
    PinOfNoOperatorHelp,
    ClientCertificates,
    ClientCertificatesHelp,
    /// Why something was not done.
    Refused(RefusedText),
}

impl WebText {
    pub(super) fn en(&self, out: &mut impl fmt::Write) -> fmt::Result {
        match self {
            Self::Refused(text) => text.en(out),
            Self::BadHash { user } => write!(out, "the password of `{user}` is not a bcrypt hash that can be used"),
            Self::BadHashHelp { cost } => {
                write!(out, "make one with `htpasswd -nBC 10 NAME`: cost {cost} at most, no colon in the name")
            }
            Self::NoSuchUser { user } => write!(out, "`{user}` has a role, but no password"),
            Self::NoSuchUserHelp { closest: Some(closest) } => write!(out, "did you mean `{closest}`?"),
            Self::NoSuchUserHelp { closest: None } => write!(out, "name it under basic_auth_users"),
            Self::PinOfNoOperator { user } => write!(out, "`{user}` has a PIN, and is no operator"),
            Self::PinOfNoOperatorHelp => write!(out, "give the role `operator` under roles, or take the PIN away"),
            Self::ClientCertificates => write!(out, "client_auth_type and client_ca_file do not go together"),
            Self::ClientCertificatesHelp => {
                write!(
                    out,
                    "give both VerifyClientCertIfGiven or RequireAndVerifyClientCert and client_ca_file, or neither"
                )
            }
        }
    }

    pub(super) fn zh_cn(&self, out: &mut impl fmt::Write) -> fmt::Result {
        match self {
            Self::Refused(text) => text.zh_cn(out),
            Self::BadHash { user } => write!(out, "`{user}` 的口令不是可用的 bcrypt 散列"),
            Self::BadHashHelp { cost } => {
                write!(out, "用 `htpasswd -nBC 10 用户名` 生成：代价不超过 {cost}，用户名不含冒号")
            }
            Self::NoSuchUser { user } => write!(out, "`{user}` 有角色，但没有口令"),
            Self::NoSuchUserHelp { closest: Some(closest) } => write!(out, "是否指 `{closest}`？"),
            Self::NoSuchUserHelp { closest: None } => write!(out, "在 basic_auth_users 下写上它"),
            Self::PinOfNoOperator { user } => write!(out, "`{user}` 有 PIN，但不是 operator"),
            Self::PinOfNoOperatorHelp => write!(out, "在 roles 下给它 `operator` 角色，或去掉 PIN"),
            Self::ClientCertificates => write!(out, "client_auth_type 与 client_ca_file 不一致"),
            Self::ClientCertificatesHelp => {
                write!(
                    out,
                    "VerifyClientCertIfGiven 或 RequireAndVerifyClientCert 要同时写 client_ca_file，否则两者都不写"
                )
            }
        }
    }
}
