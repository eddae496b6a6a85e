//! What `linkpatrol import` and `linkpatrol export` say.

use std::fmt;

use super::Message;
use crate::diagnostic::Place;

#[derive(Clone, Debug, PartialEq)]
pub enum ImportText {
    /// Somebody else's, once.
    ReusedId {
        id: String,
        past: Place,
    },
    ReusedIdHelp,
    BadCell {
        most: usize,
    },
    BadCellHelp {
        most: usize,
    },
    SeveralLedgers {
        one: String,
        other: String,
    },
    SeveralLedgersHelp,
    LedgerIsALink {
        target: String,
    },
    LedgerIsALinkHelp,
    LedgerChanged,
    LedgerChangedHelp,
    Touched(Box<Touch>),
    Counts {
        new: usize,
        changed: usize,
        unchanged: usize,
        refused: usize,
    },
    /// Links that the file does not speak of.
    Absent {
        links: usize,
    },
    NothingToWrite,
    WouldWrite {
        file: String,
    },
    Written {
        file: String,
        backup: String,
    },
    Refused,
    UnknownForm {
        file: String,
    },
    CannotWrite {
        file: String,
        cause: String,
    },
    Exported {
        file: String,
        rows: usize,
    },
}

/// One entry of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Touch {
    pub id: String,
    pub is_new: bool,
    pub line: u32,
    /// Heading, old and new value.
    pub changes: Vec<[String; 3]>,
}

impl From<ImportText> for Message {
    fn from(text: ImportText) -> Self {
        Self::Import(text)
    }
}

impl ImportText {
    pub(super) fn en(&self, out: &mut impl fmt::Write) -> fmt::Result {
        match self {
            Self::ReusedId { id, past } => {
                write!(out, "`{id}` was another link's, in {past}: an id is never used again")
            }
            Self::ReusedIdHelp => write!(out, "leave the cell empty: a free id is found"),
            Self::BadCell { most } => {
                write!(
                    out,
                    "the cell is longer than {most} characters, or has a tab, a line break or another control character"
                )
            }
            Self::BadCellHelp { most } => write!(out, "write one line of at most {most} characters"),
            Self::SeveralLedgers { one, other } => {
                write!(
                    out,
                    "the file changes links of {one} and, here, of {other}: two files cannot be replaced as one"
                )
            }
            Self::SeveralLedgersHelp => write!(out, "split the file: import the rows of each ledger by themselves"),
            Self::LedgerIsALink { target } => {
                write!(out, "the ledger is a symbolic link to {target}, which belongs to somebody else")
            }
            Self::LedgerIsALinkHelp => {
                write!(out, "name the file itself under `files.links` in inventory.yaml, or change it where it is kept")
            }
            Self::LedgerChanged => {
                write!(out, "somebody has changed the ledger since it was read; nothing was written")
            }
            Self::LedgerChangedHelp => write!(out, "run the import again"),
            Self::Touched(touch) => touch.say(out, ["new", "changed"], "line", "(empty)"),
            Self::Counts { new, changed, unchanged, refused } => {
                write!(out, "{new} new, {changed} changed, {unchanged} unchanged, {refused} refused")
            }
            Self::Absent { links } => {
                write!(out, "{links} links of the ledger are not in the file: they stay as they are")
            }
            Self::NothingToWrite => write!(out, "the ledger says all this already: nothing is written"),
            Self::WouldWrite { file } => write!(out, "would write {file} (--dry-run: nothing is written)"),
            Self::Written { file, backup } => {
                write!(out, "written: {file}; as it was: {backup}. A running daemon takes it with `POST /-/reload`")
            }
            Self::Refused => write!(out, "nothing was written: a file is taken whole or not at all"),
            Self::UnknownForm { file } => write!(out, "cannot tell by its name what {file} is: say it with --as"),
            Self::CannotWrite { file, cause } => write!(out, "cannot write {file}: {cause}"),
            Self::Exported { file, rows } => write!(out, "written: {file}, {rows} entries"),
        }
    }

    pub(super) fn zh_cn(&self, out: &mut impl fmt::Write) -> fmt::Result {
        match self {
            Self::ReusedId { id, past } => write!(out, "编号 `{id}` 曾属于另一条链路（{past}）：编号永不重用"),
            Self::ReusedIdHelp => write!(out, "将该单元格留空，系统会分配空闲编号"),
            Self::BadCell { most } => write!(out, "单元格超过 {most} 个字符，或含有制表符、换行等控制字符"),
            Self::BadCellHelp { most } => write!(out, "请写成一行，最多 {most} 个字符"),
            Self::SeveralLedgers { one, other } => {
                write!(out, "该文件既修改 {one} 中的链路，又在此处修改 {other} 中的链路：两个文件无法作为一个整体替换")
            }
            Self::SeveralLedgersHelp => write!(out, "请拆分文件，每个台账的行单独导入"),
            Self::LedgerIsALink { target } => write!(out, "台账是指向 {target} 的符号链接，该文件另有归属"),
            Self::LedgerIsALinkHelp => {
                write!(out, "在 inventory.yaml 的 `files.links` 中直接写该文件，或在其存放处修改")
            }
            Self::LedgerChanged => write!(out, "读取之后台账已被他人修改；未写入任何内容"),
            Self::LedgerChangedHelp => write!(out, "请重新执行导入"),
            Self::Touched(touch) => touch.say(out, ["新增", "变更"], "行", "（空）"),
            Self::Counts { new, changed, unchanged, refused } => {
                write!(out, "新增 {new}，变更 {changed}，未变 {unchanged}，拒绝 {refused}")
            }
            Self::Absent { links } => write!(out, "台账中有 {links} 条链路不在该文件中：保持不变"),
            Self::NothingToWrite => write!(out, "台账已与该文件一致：无需写入"),
            Self::WouldWrite { file } => write!(out, "将写入 {file}（--dry-run：未写入）"),
            Self::Written { file, backup } => {
                write!(out, "已写入 {file}；原文件保存为 {backup}。运行中的服务执行 `POST /-/reload` 后生效")
            }
            Self::Refused => write!(out, "未写入任何内容：文件要么整体接受，要么整体拒绝"),
            Self::UnknownForm { file } => write!(out, "无法从文件名判断 {file} 的格式：请用 --as 指明"),
            Self::CannotWrite { file, cause } => write!(out, "无法写入 {file}：{cause}"),
            Self::Exported { file, rows } => write!(out, "已写入 {file}，共 {rows} 条"),
        }
    }
}

impl Touch {
    fn say(&self, out: &mut impl fmt::Write, [new, changed]: [&str; 2], line: &str, empty: &str) -> fmt::Result {
        let Self { id, is_new, line: number, changes } = self;
        write!(out, "{id}  {}  ({line} {number})", if *is_new { new } else { changed })?;
        let value = |text: &String| if text.is_empty() { empty.to_owned() } else { text.clone() };
        changes.iter().try_for_each(|[column, from, to]| match is_new {
            true => write!(out, "\n  {column}: {}", value(to)),
            false => write!(out, "\n  {column}: {} → {}", value(from), value(to)),
        })
    }
}
