//! What is said at the door: log-in and log-out.

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum DoorText {
    LogIn,
    LogOut,
    Name,
    Password,
    WrongPassword,
    SessionEnded,
    TooManyTries,
    Pin,
    WrongPin,
    TooManyPins,
    Cancel,
}

impl DoorText {
    /// Chinese and English.
    pub(super) fn both(self) -> (&'static str, &'static str) {
        match self {
            Self::LogIn => ("登录", "log in"),
            Self::LogOut => ("退出登录", "log out"),
            Self::Name => ("用户名", "user"),
            Self::Password => ("口令", "password"),
            Self::WrongPassword => ("用户名或口令不对", "user or password is wrong"),
            Self::SessionEnded => (
                "登录已过期，刚才的提交没有执行。填写的内容留在下面：登录后请重新提交",
                "your session has ended and nothing was done. What you typed stands below: log in and send it again",
            ),
            Self::Pin => ("值班 PIN", "PIN"),
            Self::WrongPin => ("用户名或 PIN 不对", "user or PIN is wrong"),
            Self::TooManyPins => (
                "PIN 尝试过多，请几分钟后再试，或在桌面页登录",
                "too many PINs: wait some minutes, or log in at the desk",
            ),
            Self::Cancel => ("取消", "cancel"),
            Self::TooManyTries => ("尝试过多，请一分钟后再试", "too many tries: wait a minute"),
        }
    }
}
