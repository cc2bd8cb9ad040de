//! 中文 (simplified).

use super::Phrases;

pub(in super::super) const CHINESE: Phrases = Phrases {
    root: "文件",
    way: "所在位置",
    name: "名称",
    size: "大小",
    modified: "修改时间",
    download: "下载",
    zip: "打包下载 (zip)",
    empty: "此文件夹为空。",
    log_in: "登录",
    log_out: "退出登录",
    user: "用户名",
    password: "密码",
    to_root: "回到首页",
    tools: "操作",
    upload: "上传文件",
    upload_folder: "上传文件夹",
    new_folder: "新建文件夹",
    paste: "粘贴",
    pictures: "图片",
    qr: "二维码",
    filter: "筛选",
    needs_script: "上传需要启用 JavaScript。",
    rename: "重命名",
    cut: "剪切",
    delete: "删除",
    choose_none: "取消",
};
