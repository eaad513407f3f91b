select
    '{{ var("refresh_id", env_var("FLOWHOUSE_REFRESH_ID", "by hand")) }}' as refresh_id,
    {{ as_of() }} as as_of
