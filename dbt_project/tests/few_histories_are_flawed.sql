{{ config(severity='warn') }}

select
    source_system,
    measure,
    affected,
    total

from {{ ref('metric_data_quality') }}

where
    measure like 'history_%'
    and measure <> 'history_complete'
    and affected > 0.05 * total
