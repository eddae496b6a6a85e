//! Headings of the ledger and the words in its cells, English and Chinese.
//!
//! Names of NetBox circuits (`provider`, `type`, `tenant`, `commit_rate`) and of the bureau's register (用户登记表) are
//! understood beside our own.

use super::{Kind, Priority, Responder, Role, Status};

/// What a column is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Id,
    Cid,
    Kind,
    Carrier,
    Unit,
    UnitName,
    AEnd,
    ZEnd,
    Bandwidth,
    CommitRate,
    Priority,
    Status,
    Installed,
    Group,
    Segments,
    Address(Role),
    Responder,
    Profile,
    Interval,
    Timeout,
    Source,
    Interface,
    Dscp,
    Absence,
    DependsOn,
    /// Known and accepted, but nothing here uses it. Contact names and numbers are personal data: they are not kept.
    Unused,
}

/// Our own heading first, then the others that mean the same.
const HEADINGS: &[(Column, &[&str])] = &[
    (Column::Id, &["id", "链路编号", "链路id"]),
    (Column::Cid, &["cid", "circuit_id", "电路编号", "电路代号", "光纤编号"]),
    (Column::Kind, &["kind", "type", "类型", "链路类型", "线路类型"]),
    (Column::Carrier, &["carrier", "provider", "运营商", "服务商"]),
    (Column::Unit, &["unit", "tenant", "单位编码"]),
    (Column::UnitName, &["unit_name", "单位名称"]),
    (Column::AEnd, &["a_end", "termination_a", "a端", "本端"]),
    (Column::ZEnd, &["z_end", "termination_z", "z端", "对端", "单位地址"]),
    (Column::Bandwidth, &["bandwidth", "带宽", "光纤带宽"]),
    (Column::CommitRate, &["commit_rate", "commit_rate_(kbps)"]),
    (Column::Priority, &["priority", "优先级", "重要程度"]),
    (Column::Status, &["status", "状态"]),
    (Column::Installed, &["install_date", "installed", "开通日期"]),
    (Column::Group, &["group", "冗余组", "保护组"]),
    (Column::Segments, &["segments", "共享风险", "管道"]),
    (Column::Address(Role::Near), &["near_address", "近端地址"]),
    (Column::Address(Role::CarrierGateway), &["carrier_gateway_address", "运营商网关地址"]),
    (Column::Address(Role::Far), &["far_address", "远端地址", "ip地址", "ip_地址"]),
    (Column::Address(Role::Beyond), &["beyond_address", "后端地址"]),
    (Column::Address(Role::Public), &["public_address", "公网地址"]),
    (Column::Responder, &["responder", "应答设备"]),
    (Column::Profile, &["profile", "探测配置"]),
    (Column::Interval, &["interval", "探测间隔"]),
    (Column::Timeout, &["timeout", "超时"]),
    (Column::Source, &["source", "源地址"]),
    (Column::Interface, &["interface", "源接口"]),
    (Column::Dscp, &["dscp"]),
    (Column::Absence, &["absence", "停机日历", "允许离线"]),
    (Column::DependsOn, &["depends_on", "依赖链路"]),
    (
        Column::Unused,
        &["contact", "联系人", "contact_phone", "联系电话", "局域网拓扑", "电脑数量", "mac地址", "mac_地址"],
    ),
    (
        Column::Unused,
        &["description", "comments", "tags", "备注", "termination_date", "tenant_group", "provider_account"],
    ),
];

/// The columns of one kind of ledger.
pub(super) trait Headed: Copy + PartialEq + 'static {
    /// Each column with its headings, our own first, then the others that mean the same.
    const HEADINGS: &'static [(Self, &'static [&'static str])];
    /// Columns without which a row is nothing: one of each group.
    const REQUIRED: &'static [&'static [Self]];

    /// `false`: known and accepted, but nothing here uses it.
    fn is_used(self) -> bool {
        true
    }

    /// `None`: nobody knows this heading. Case, spaces and hyphens do not matter.
    fn of(heading: &str) -> Option<Self> {
        let plain = heading.trim().to_lowercase().replace([' ', '-'], "_");
        Self::HEADINGS.iter().find(|(_, names)| names.contains(&plain.as_str())).map(|(column, _)| *column)
    }

    /// Our own heading of it.
    fn heading(self) -> &'static str {
        Self::HEADINGS.iter().find(|(column, _)| *column == self).map_or("", |(_, names)| names[0])
    }

    /// The first Chinese heading of it, else our own.
    fn heading_zh(self) -> &'static str {
        let names = Self::HEADINGS.iter().find(|(column, _)| *column == self).map_or(&[][..], |(_, names)| names);
        names.iter().find(|name| !name.is_ascii()).copied().unwrap_or(self.heading())
    }

    /// Our own headings, for people to choose from.
    fn headings() -> impl Iterator<Item = &'static str> {
        Self::HEADINGS.iter().filter(|(column, _)| column.is_used()).map(|(_, names)| names[0])
    }
}

impl Headed for Column {
    const HEADINGS: &'static [(Self, &'static [&'static str])] = HEADINGS;
    /// The unit may stand by code or by name, the rate in either column.
    const REQUIRED: &'static [&'static [Self]] = &[
        &[Self::Id],
        &[Self::Cid],
        &[Self::Kind],
        &[Self::Carrier],
        &[Self::Unit, Self::UnitName],
        &[Self::Bandwidth, Self::CommitRate],
    ];

    fn is_used(self) -> bool {
        self != Self::Unused
    }
}

/// A cell that holds one of a few words.
pub(super) trait Word: Copy + 'static {
    /// Each value with the words for it, our own first.
    const WORDS: &'static [(Self, &'static [&'static str])];

    fn of(text: &str) -> Option<Self> {
        let plain = text.to_lowercase().replace([' ', '-'], "_");
        Self::WORDS.iter().find(|(_, words)| words.contains(&plain.as_str())).map(|(value, _)| *value)
    }

    /// Our own words, for people to choose from.
    fn known() -> Vec<String> {
        Self::WORDS.iter().map(|(_, words)| words[0].to_owned()).collect()
    }
}

impl Word for Kind {
    const WORDS: &'static [(Self, &'static [&'static str])] = &[
        (Self::DarkFibre, &["dark_fibre", "dark_fiber", "裸光纤"]),
        (Self::Internet, &["internet", "互联网", "互联网专线"]),
        (Self::Private, &["private", "leased_line", "专线"]),
    ];
}

impl Word for Status {
    const WORDS: &'static [(Self, &'static [&'static str])] = &[
        (Self::Planned, &["planned", "计划"]),
        (Self::Provisioning, &["provisioning", "开通中"]),
        (Self::Active, &["active", "在用"]),
        (Self::Offline, &["offline", "停用"]),
        (Self::Deprovisioning, &["deprovisioning", "拆除中"]),
        (Self::Decommissioned, &["decommissioned", "已拆除"]),
    ];
}

impl Word for Priority {
    const WORDS: &'static [(Self, &'static [&'static str])] = &[
        (Self::Lifeline, &["lifeline", "生命线"]),
        (Self::Important, &["important", "重要"]),
        (Self::Normal, &["normal", "一般"]),
    ];
}

impl Word for Responder {
    const WORDS: &'static [(Self, &'static [&'static str])] = &[
        (Self::Host, &["host", "主机"]),
        (Self::RouterControlPlane, &["router_control_plane", "路由器"]),
        (Self::Firewall, &["firewall", "防火墙"]),
        (Self::Reflector, &["reflector", "反射器"]),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_are_known_by_every_name_and_each_name_once() {
        let names: Vec<&str> = HEADINGS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        for name in &names {
            assert!(Column::of(name).is_some(), "{name}");
            assert_eq!(names.iter().filter(|other| *other == name).count(), 1, "{name}");
        }
        assert_eq!(Column::of(" Commit-Rate (Kbps) "), Some(Column::CommitRate));
        assert_eq!(Column::of("光纤带宽"), Some(Column::Bandwidth));
        assert_eq!(Column::of("bandwith"), None);
    }
}
