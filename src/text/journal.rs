//! What `linkpatrol journal` says.

use std::fmt;

/// One thing to say about the journal. `seal` is such as `anchor 2026-11-22` or `checkpoint`.
#[derive(Clone, Debug, PartialEq)]
pub enum JournalMessage {
    Whole {
        entries: u64,
        oldest: String,
        newest: String,
        seals: u64,
        contents: u64,
        incidents: u64,
    },
    Empty,
    SealsPruned {
        seals: u64,
    },
    Head {
        number: u64,
        hash: String,
    },
    Key {
        key: String,
    },
    NoKey {
        file: String,
    },
    Faulty {
        faults: u64,
    },
    Changed {
        entry: u64,
    },
    Missing {
        from: u64,
        to: u64,
    },
    Unreadable {
        entry: u64,
        cause: String,
    },
    BadSignature {
        seal: String,
    },
    ForeignKey {
        seal: String,
        key: String,
    },
    Disagrees {
        seal: String,
        entry: u64,
    },
    TailMissing {
        seal: String,
        entry: u64,
        ends: u64,
    },
    ContentMissing {
        entry: u64,
        hash: String,
    },
    ContentChanged {
        hash: String,
    },
    IncidentDiffers {
        incident: String,
        entry: u64,
    },
    TextDiffers {
        incident: String,
        entry: u64,
    },
    RecordDiffers {
        record: String,
        entry: u64,
    },
    /// Of so many incidents nothing is said of what people wrote in them.
    TextsUnchecked {
        incidents: u64,
    },
    IncidentMissing {
        incident: String,
        entry: u64,
    },
    NotAnchor {
        file: String,
        cause: String,
    },
    Replayed {
        steps: u64,
        starts: u64,
        incidents: usize,
    },
    PassedOver {
        entries: u64,
    },
    Differs {
        entry: u64,
        recorded: String,
        rebuilt: String,
    },
    OtherVersion {
        version: String,
    },
    Forgotten {
        records: u64,
    },
    BackedUp {
        folder: String,
        entries: u64,
        bytes: u64,
    },
    BackupFaulty {
        folder: String,
    },
    Restored {
        folder: String,
        entries: u64,
        made: String,
    },
    MovedAside {
        folder: String,
    },
}

impl JournalMessage {
    pub(super) fn en(&self, out: &mut impl fmt::Write) -> fmt::Result {
        use JournalMessage::*;
        match self {
            Whole { entries, oldest, newest, seals, contents, incidents } => write!(
                out,
                "the journal is whole: {entries} entries from {oldest} to {newest}, {seals} seals, {contents} contents \
                 and {incidents} incidents agree"
            ),
            Empty => write!(out, "the journal has no entries"),
            SealsPruned { seals } => write!(out, "{seals} seals are over entries that are no longer kept"),
            Head { number, hash } => write!(out, "head: {number} {hash}"),
            Key { key } => write!(out, "public key: {key}"),
            NoKey { file } => {
                write!(out, "{file} is missing: seals are held against the keys that they name themselves")
            }
            Faulty { faults } => write!(out, "the journal is not as it was written: {faults} faults"),
            Changed { entry } => {
                write!(out, "entry {entry} is not as it was written, or the one before it was exchanged")
            }
            Missing { from, to } if from == to => write!(out, "entry {from} is gone"),
            Missing { from, to } => write!(out, "entries {from} to {to} are gone"),
            Unreadable { entry, cause } => write!(out, "entry {entry} cannot be read: {cause}"),
            BadSignature { seal } => write!(out, "{seal}: the signature is not that of the key it names"),
            ForeignKey { seal, key } => write!(out, "{seal}: signed by another key than ours, {key}"),
            Disagrees { seal, entry } => write!(out, "{seal}: it was made over another entry {entry} than this one"),
            TailMissing { seal, entry, ends } => {
                write!(out, "{seal}: the journal had {entry} entries then and ends with {ends} now: the rest is gone")
            }
            ContentMissing { entry, hash } => write!(out, "entry {entry} refers to content {hash}, which is gone"),
            ContentChanged { hash } => write!(out, "content {hash} is not as it was written"),
            TextDiffers { incident, entry } => {
                write!(out, "what people wrote in the stored incident {incident} is not what entry {entry} says")
            }
            RecordDiffers { record, entry } => {
                write!(out, "the stored record {record} of the desk or of planned work is not what entry {entry} says")
            }
            TextsUnchecked { incidents } => write!(
                out,
                "journal.key is not here or not readable: what people wrote in {incidents} records was not checked"
            ),
            IncidentDiffers { incident, entry } => {
                write!(out, "incident {incident} is stored otherwise than entry {entry} left it")
            }
            IncidentMissing { incident, entry } => write!(out, "incident {incident} of entry {entry} is not stored"),
            NotAnchor { file, cause } => write!(out, "{file} is no anchor of a journal: {cause}"),
            Replayed { steps, starts, incidents } => {
                write!(
                    out,
                    "{steps} steps of {starts} runs played again: the same effects and the same {incidents} incidents"
                )
            }
            PassedOver { entries } => {
                write!(out, "{entries} entries could not be played: they stand before a start, or after a gap")
            }
            Differs { entry, recorded, rebuilt } => {
                write!(out, "entry {entry} is the first that differs\n  recorded: {recorded}\n  rebuilt:  {rebuilt}")
            }
            OtherVersion { version } => write!(out, "it was recorded by version {version}; this is another"),
            Forgotten { records } => write!(out, "the name was erased from {records} records"),
            BackedUp { folder, entries, bytes } => {
                write!(
                    out,
                    "backed up to {folder}: {bytes} bytes; the journal has {entries} entries, held against itself"
                )
            }
            BackupFaulty { folder } => {
                write!(out, "{folder} is a true copy, but the journal that it copies is not as it was written:")
            }
            Restored { folder, entries, made } => {
                write!(out, "restored to {folder}: the state of {made}, {entries} entries of the journal")
            }
            MovedAside { folder } => write!(out, "what stood there is now in {folder}"),
        }
    }

    pub(super) fn zh_cn(&self, out: &mut impl fmt::Write) -> fmt::Result {
        use JournalMessage::*;
        match self {
            Whole { entries, oldest, newest, seals, contents, incidents } => write!(
                out,
                "日志完整：{entries} 条记录（{oldest} 至 {newest}），{seals} 个签章、{contents} 份附件、{incidents} 个事件均相符"
            ),
            Empty => write!(out, "日志没有记录"),
            SealsPruned { seals } => write!(out, "{seals} 个签章所指的记录已不再保存"),
            Head { number, hash } => write!(out, "末条：{number} {hash}"),
            Key { key } => write!(out, "公钥：{key}"),
            NoKey { file } => write!(out, "缺少 {file}：签章只按其自带的公钥核对"),
            Faulty { faults } => write!(out, "日志与写入时不符：{faults} 处"),
            Changed { entry } => write!(out, "第 {entry} 条与写入时不符，或其前一条被替换"),
            Missing { from, to } if from == to => write!(out, "缺少第 {from} 条"),
            Missing { from, to } => write!(out, "缺少第 {from} 至 {to} 条"),
            Unreadable { entry, cause } => write!(out, "第 {entry} 条无法读取：{cause}"),
            BadSignature { seal } => write!(out, "{seal}：签名与所列公钥不符"),
            ForeignKey { seal, key } => write!(out, "{seal}：由其他密钥 {key} 签名"),
            Disagrees { seal, entry } => write!(out, "{seal}：签章所指的第 {entry} 条与现有记录不同"),
            TailMissing { seal, entry, ends } => {
                write!(out, "{seal}：当时日志有 {entry} 条，现只到第 {ends} 条，其后的记录已缺失")
            }
            ContentMissing { entry, hash } => write!(out, "第 {entry} 条引用的附件 {hash} 已缺失"),
            ContentChanged { hash } => write!(out, "附件 {hash} 与写入时不符"),
            TextDiffers { incident, entry } => {
                write!(out, "事件 {incident} 中人工填写的文字与第 {entry} 条不符")
            }
            RecordDiffers { record, entry } => {
                write!(out, "值班台或计划作业记录 {record} 的存储内容与第 {entry} 条不符")
            }
            TextsUnchecked { incidents } => {
                write!(out, "缺少 journal.key 或无权读取：{incidents} 份记录中人工填写的文字未核对")
            }
            IncidentDiffers { incident, entry } => write!(out, "事件 {incident} 的存储内容与第 {entry} 条不符"),
            IncidentMissing { incident, entry } => write!(out, "第 {entry} 条所述事件 {incident} 未存储"),
            NotAnchor { file, cause } => write!(out, "{file} 不是日志锚点：{cause}"),
            Replayed { steps, starts, incidents } => {
                write!(out, "已重放 {starts} 次运行的 {steps} 步：结果一致，{incidents} 个事件逐字节相同")
            }
            PassedOver { entries } => write!(out, "{entries} 条无法重放：位于启动之前或缺口之后"),
            Differs { entry, recorded, rebuilt } => {
                write!(out, "自第 {entry} 条起不一致\n  记录：{recorded}\n  重放：{rebuilt}")
            }
            OtherVersion { version } => write!(out, "记录由版本 {version} 写入，与当前版本不同"),
            Forgotten { records } => write!(out, "已从 {records} 条记录中抹去该姓名"),
            BackedUp { folder, entries, bytes } => {
                write!(out, "已备份到 {folder}：{bytes} 字节；日志 {entries} 条，核对无误")
            }
            BackupFaulty { folder } => write!(out, "{folder} 与原件一致，但原件的日志与写入时不符："),
            Restored { folder, entries, made } => {
                write!(out, "已恢复到 {folder}：{made} 的状态，日志 {entries} 条")
            }
            MovedAside { folder } => write!(out, "原有文件已移至 {folder}"),
        }
    }
}
