"""The contract with asterisk-config/: what contactd and its tools expect of the dialplan. A test compares."""

EDITION = 4
"""CONTACTD_DIALPLAN of extensions_contactd.conf. It rises whenever the program needs another dialplan."""

CONTEXTS = (
    *("contactd-in", "contactd-agi", "contactd-audio", "contactd-hold", "contactd-offer", "contactd-after"),
    *(
        "contactd-ring-all",
        "contactd-record",
        "contactd-announce",
        "contactd-key",
        "contactd-mailbox",
        "contactd-answered",
        "contactd-whisper",
    ),
    "contactd-text",
    *("contactd-leave", "contactd-leave-to", "contactd-external-call"),
    *("contactd-dial", "contactd-dial-call", "contactd-called"),
    *("contactd-far", "contactd-far-call", "contactd-accept"),
    *("contactd-fallback", "contactd-return", "contactd-codes", "contactd-code", "contactd-listen", "contactd-taken"),
    *("contactd-emergency", "contactd-emergency-call", "contactd-callback", "contactd-test"),
)

MODULES = {
    "res_agi.so": "the menus",
    "res_musiconhold.so": "music for waiting callers",
    "res_manager_devicestate.so": "the handsets' states",
    "chan_pjsip.so": "handsets",
    "app_dial.so": "ringing a handset",
    "app_queue.so": "the static queue",
    "app_senddtmf.so": "the way back from the static queue",
    "app_stack.so": "Gosub()",
    "app_userevent.so": "telling contactd what happens",
    "app_playback.so": "prompts",
    "app_verbose.so": "Log()",
    "func_callerid.so": "CALLERID()",
    "func_channel.so": "CHANNEL()",
    "func_cut.so": "CUT()",
    "app_exec.so": "ExecIf() and TryExec()",
    "func_db.so": "DB(), by which help that calls back finds the handset",
    "func_global.so": "GLOBAL()",
    "func_logic.so": "IF()",
    "func_rand.so": "RAND()",
    "func_sha1.so": "SHA1(), the one-time tokens",
    "func_strings.so": "FILTER(), SHIFT() and STRFTIME()",
    "func_timeout.so": "TIMEOUT(), the limits",
}
"""What the dialplan cannot do without, and for what."""

TEST_MODULES = {
    "app_waitforsilence.so": "hearing in a test call",
}
LISTEN_MODULES = {"app_chanspy.so": "supervisors at talks", "func_import.so": "finding the talk of an agent"}
RECORD_MODULES = {
    "app_mixmonitor.so": "recording talks",
    "func_env.so": "knowing that a recording is whole",
    "app_record.so": "messages",
}
REMOTE_MODULES = {"app_read.so": "the key by which an agent outside accepts", "func_dialplan.so": "DIALPLAN_EXISTS()"}
TEXT_MODULES = {
    "app_chanspy.so": "the text leg of a text telephone",
    "app_originate.so": "the text leg of a text telephone",
    "func_volume.so": "agents who do not hear a text telephone's tones",
}
TONE_MODULES = {
    "res_tonedetect.so": "text telephones that are recognised by their tones",
    "func_module.so": "seeing whether it is there",
}
AUDIO_MODULES = {
    "res_audiosocket.so": "echo lines, text telephones",
    "app_audiosocket.so": "echo lines, text telephones",
}

OLDEST_PBX, NEWEST_PBX, FIRST_WITH_AUDIOSOCKET = 16, 22, 18
"""Major versions of Asterisk: those that the drop-ins were tried with lie between."""
