with

services as (

    select * from {{ ref('services') }}

),

found as (

    select
        name,
        min(service_id) as service_id

    from {{ ref('stg_servicenow__services') }}

    where name is not null

    group by 1

),

-- What the company has named keeps its key; everything else is known by that of its source.
final as (

    select
        service_key,
        name,
        value_stream_key,
        team_key,
        valid_from,
        valid_to

    from services

    union all

    select
        'servicenow:service:' || found.service_id as service_key,
        found.name,
        cast(null as varchar) as value_stream_key,
        cast(null as varchar) as team_key,
        cast(null as date) as valid_from,
        cast(null as date) as valid_to

    from found

    where
        not exists (
            select 1 from services
            where services.name = found.name
        )

)

select * from final
