with

lines as (

    select
        'status_stages' as seed,
        source_system || '|' || workflow || '|' || status as name,
        coalesce(valid_from, date '0001-01-01') as valid_from,
        coalesce(valid_to, date '9999-12-31') as valid_to
    from {{ own_first('status_stages') }} as status_stages

    union all

    select
        'scopes' as seed,
        source_system || '|' || scope as name,
        coalesce(valid_from, date '0001-01-01') as valid_from,
        coalesce(valid_to, date '9999-12-31') as valid_to
    from {{ ref('scopes') }}

    union all

    select
        'teams' as seed,
        name,
        coalesce(valid_from, date '0001-01-01') as valid_from,
        coalesce(valid_to, date '9999-12-31') as valid_to
    from {{ ref('teams') }}

    union all

    select
        'services' as seed,
        name,
        coalesce(valid_from, date '0001-01-01') as valid_from,
        coalesce(valid_to, date '9999-12-31') as valid_to
    from {{ ref('services') }}

    union all

    select
        'wip_limits' as seed,
        value_stream_key || '|' || workflow || '|' || level || '|' || stage as name,
        coalesce(valid_from, date '0001-01-01') as valid_from,
        coalesce(valid_to, date '9999-12-31') as valid_to
    from {{ ref('wip_limits') }}

    union all

    select
        'stage_targets' as seed,
        value_stream_key || '|' || workflow || '|' || level || '|' || stage as name,
        coalesce(valid_from, date '0001-01-01') as valid_from,
        coalesce(valid_to, date '9999-12-31') as valid_to
    from {{ ref('stage_targets') }}

    union all

    select
        'cost_of_delay' as seed,
        value_stream_key || '|' || workflow || '|' || level as name,
        coalesce(valid_from, date '0001-01-01') as valid_from,
        coalesce(valid_to, date '9999-12-31') as valid_to
    from {{ ref('cost_of_delay') }}

),

followed as (

    select
        *,
        lead(valid_from) over (
            partition by seed, name
            order by valid_from, valid_to
        ) as next_from

    from lines

)

select
    seed,
    name,
    valid_from,
    valid_to

from followed

where next_from < valid_to or valid_to <= valid_from
