select
    '{{ env_var("FLOWHOUSE_REFRESH_ID", "by hand") if execute else "" }}' as refresh_id,
    {{ as_of() }} as as_of
