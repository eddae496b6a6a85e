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
    /// A part of a foreign file, quoted.
    NotCarried {
        what: String,
    },
    NotCarriedHelp,
    BadTargetsLine {
        line: String,
    },
    BadTargetsLineHelp,
    TargetTwice {
        url: String,
        first: Place,
    },
    TargetTwiceHelp,
    ServiceIdTaken {
        id: String,
    },
    ServiceIdTakenHelp,
    NoServicesList,
    NoServicesListHelp,
    NoModulesFile,
    NoModulesFileHelp,
    ModuleLost {
        module: String,
    },
    ModuleLostHelp,
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
        /// How the file is called that was there before, if any.
        backup: Option<String>,
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
            Self::NotCarried { what } => {
                write!(out, "{what} is not carried over: there is nothing here that says the same")
            }
            Self::NotCarriedHelp => write!(out, "see docs/services.md for what a service can say, and add it by hand"),
            Self::BadTargetsLine { line } => write!(out, "`{line}` is neither a section nor `key = value`"),
            Self::BadTargetsLineHelp => {
                write!(out, "sections begin with one `+` more than the section around them at most, and have a name")
            }
            Self::TargetTwice { url, first } => write!(out, "{url} stands here a second time, first in {first}"),
            Self::TargetTwiceHelp => write!(out, "the first one is taken; what is visited once serves both"),
            Self::ServiceIdTaken { id } => write!(out, "`{id}` is another service already, with another address"),
            Self::ServiceIdTakenHelp => {
                write!(out, "give it another name in the file, or change the service in services.yaml")
            }
            Self::NoServicesList => write!(out, "nothing can be put behind `services:` as it is written"),
            Self::NoServicesListHelp => write!(
                out,
                "write `services:` on a line of its own and one entry a line below it: `  - {{id: portal, url: \"https://www.city.test/\"}}`"
            ),
            Self::NoModulesFile => write!(out, "linkpatrol.yaml names no modules file"),
            Self::NoModulesFileHelp => {
                write!(out, "write `probe: {{modules: modules.yaml}}` in linkpatrol.yaml; the file may be missing yet")
            }
            Self::ModuleLost { module } => write!(out, "module `{module}` is in use here and not in this file"),
            Self::ModuleLostHelp => write!(out, "add it to the file, or take it out of ours first"),
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
                write!(out, "written: {file}; ")?;
                backup.as_ref().map_or(Ok(()), |backup| write!(out, "as it was: {backup}; "))?;
                write!(out, "a running daemon takes it with `POST /-/reload`")
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
            Self::NotCarried { what } => write!(out, "{what} 未能带入：这里没有相同含义的写法"),
            Self::NotCarriedHelp => write!(out, "服务能写什么见 docs/services.md，请手工补充"),
            Self::BadTargetsLine { line } => write!(out, "`{line}` 既不是小节，也不是 `key = value`"),
            Self::BadTargetsLineHelp => write!(out, "小节的 `+` 最多比外层多一个，并且要有名称"),
            Self::TargetTwice { url, first } => write!(out, "{url} 在此重复出现，首次见 {first}"),
            Self::TargetTwiceHelp => write!(out, "只取第一个；访问一次即可同时说明两者"),
            Self::ServiceIdTaken { id } => write!(out, "`{id}` 已是另一项服务，地址不同"),
            Self::ServiceIdTakenHelp => write!(out, "在文件中改名，或在 services.yaml 中修改该服务"),
            Self::NoServicesList => write!(out, "`services:` 的写法使其后无法追加条目"),
            Self::NoServicesListHelp => write!(
                out,
                "`services:` 单独占一行，其下每行一个条目：`  - {{id: portal, url: \"https://www.city.test/\"}}`"
            ),
            Self::NoModulesFile => write!(out, "linkpatrol.yaml 没有指定模块文件"),
            Self::NoModulesFileHelp => {
                write!(out, "在 linkpatrol.yaml 中写 `probe: {{modules: modules.yaml}}`，该文件可以尚不存在")
            }
            Self::ModuleLost { module } => write!(out, "模块 `{module}` 正在使用，但不在此文件中"),
            Self::ModuleLostHelp => write!(out, "把它加入该文件，或先从现有文件中去掉"),
            Self::Touched(touch) => touch.say(out, ["新增", "变更"], "行", "（空）"),
            Self::Counts { new, changed, unchanged, refused } => {
                write!(out, "新增 {new}，变更 {changed}，未变 {unchanged}，拒绝 {refused}")
            }
            Self::Absent { links } => write!(out, "台账中有 {links} 条链路不在该文件中：保持不变"),
            Self::NothingToWrite => write!(out, "台账已与该文件一致：无需写入"),
            Self::WouldWrite { file } => write!(out, "将写入 {file}（--dry-run：未写入）"),
            Self::Written { file, backup } => {
                write!(out, "已写入 {file}；")?;
                backup.as_ref().map_or(Ok(()), |backup| write!(out, "原文件保存为 {backup}；"))?;
                write!(out, "运行中的服务执行 `POST /-/reload` 后生效")
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
