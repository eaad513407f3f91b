with

scopes as (

    select * from {{ ref('scopes') }}

),

versions as (

    select distinct
        source_system,
        scope

    from {{ ref('int_work_item_versions') }}

),

-- Where nobody has said anything of a source yet, each project, repository or group of it is a
-- stream. Once there is a line, what is left out is a slip that is worth a warning.
final as (

    select
        versions.source_system || '/' || versions.scope as scope_key,
        versions.source_system,
        versions.scope,
        versions.source_system || '/' || replace(replace(versions.scope, '|', '-'), ':', '-')
            as value_stream_key

    from versions

    where
        not exists (
            select 1 from scopes
            where scopes.source_system = versions.source_system
        )

)

select * from final
