select
    table_schema,
    table_name,
    column_name

from information_schema.columns

where
    (
        table_schema in ('marts', 'metrics')
        and (
            column_name like '%login%'
            or column_name like '%mail%'
            or column_name like '%user_name%'
            or column_name like '%display_name%'
            or column_name like '%assignee%'
            or column_name like '%reporter%'
        )
    )
    or (
        table_schema = 'metrics'
        and (
            column_name like '%person%'
            or column_name like '%actor%'
            or column_name like '%author%'
        )
    )
